/**
 * Images in the making: what is made and received on this host, with progress. Lost at a restart; begun anew, and what
 * had come of a content is still there.
 */

import { Problem, story } from '#model/problem.ts'
import { problems } from '#model/catalogue/problems.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { ContentPart, MakeOrder, Report } from '#drivers/image/port.ts'
import type { ImageSpec, ImageStatus } from '#kinds/image/schema.ts'
import type { ImageActivity } from '#kinds/image/plan.ts'
import type { AgentPorts } from './world.ts'

type Arrived = Pick<ImageStatus, 'receivedBytes' | 'expectedBytes'>
type Work = {
  activity: ImageActivity
  arrived: Arrived | undefined
  readonly abort: AbortController
  done: Promise<void>
}

/** Work that failed for want of the network, of room or of a tool is tried again after this. */
const retryMs = 60_000
/** Progress is news at most this often. */
const newsMs = 500

export class Workshop {
  readonly #ports: AgentPorts
  readonly #onChange: (image: string) => void
  readonly #works = new Map<string, Work>()

  constructor(ports: AgentPorts, onChange: (image: string) => void) {
    this.#ports = ports
    this.#onChange = onChange
  }

  activity(image: string): ImageActivity {
    return this.#works.get(image)?.activity ?? { is: 'idle' }
  }

  /** How much of a content has come, while it comes. */
  arrived(image: string): Arrived | undefined {
    return this.#works.get(image)?.arrived
  }

  /** Begins to make an image of what nobody sends; says later how it went. */
  make(image: string, into: Datastore, order: MakeOrder) {
    if (isBusy(this.#works.get(image))) return
    const work = this.#begin(image, 'building')
    const { imageMaker } = this.#ports
    const making = imageMaker.make(image, into, order, this.#reporting(image, work), work.abort.signal)
    work.done = this.#settle(image, work, making)
  }

  /** Receives a content or a part of it; rejects with the problem that it was refused for. */
  async receive(
    image: string,
    into: Datastore,
    content: ByteChannel,
    wish: ContentPart & { readonly spec: ImageSpec },
  ): Promise<'sealed' | 'partial'> {
    if (isBusy(this.#works.get(image)))
      throw new Problem('request/too-many', { limit: 1, what: 'contents for one image' })
    const work = this.#begin(image, 'receiving')
    const { imageMaker } = this.#ports
    const report = this.#reporting(image, work)
    const received = imageMaker.receive(image, into, content, wish, report, work.abort.signal)
    work.done = this.#settle(image, work, received)
    const outcome = await received
    await work.done
    return outcome
  }

  async abandon(image: string): Promise<void> {
    const work = this.#works.get(image)
    work?.abort.abort(new Problem('object/deleting', { kind: 'image', name: image }))
    await work?.done
    this.#works.delete(image)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#works.keys()].map((image) => this.abandon(image)))
  }

  #begin(image: string, is: 'building' | 'receiving'): Work {
    const work: Work = {
      activity: { is, progress: { step: 'starting', fraction: null, etaSeconds: null } },
      arrived: undefined,
      abort: new AbortController(),
      done: Promise.resolve(),
    }
    this.#works.set(image, work)
    this.#onChange(image)
    return work
  }

  #reporting(image: string, work: Work): Report {
    let saidAt = -newsMs
    return ({ step, fraction, etaSeconds, receivedBytes, expectedBytes = null }) => {
      if (work.activity.is !== 'building' && work.activity.is !== 'receiving') return
      const isNewStep = work.activity.progress.step !== step
      work.activity = { is: work.activity.is, progress: { step, fraction, etaSeconds } }
      if (receivedBytes !== undefined) work.arrived = { receivedBytes, expectedBytes }
      const now = this.#ports.clock.monotonic()
      if (!isNewStep && now - saidAt < newsMs) return
      saidAt = now
      this.#onChange(image)
    }
  }

  async #settle(image: string, work: Work, making: Promise<unknown>): Promise<void> {
    try {
      await making
      this.#works.delete(image)
    } catch (fault) {
      if (work.abort.signal.aborted) return
      this.#ports.log(`image ${image}: ${story(fault)}`)
      // What was being sent when the way broke is kept: the image waits for the rest.
      if (work.activity.is === 'receiving' && isOfWay(fault)) this.#works.delete(image)
      else {
        work.arrived = undefined
        work.activity = { is: 'failed', why: story(fault).slice(0, 400), mayRetry: false }
        this.#retryLater(image, work, fault)
      }
    } finally {
      this.#onChange(image)
    }
  }

  #retryLater(image: string, work: Work, fault: unknown) {
    // A bug may be of the moment; what will never go better is not tried again.
    const isLasting = (code: keyof typeof problems) =>
      code === 'image/checksum' || problems[code].retry === 'never'
    if (fault instanceof Problem && isLasting(fault.code)) return
    this.#ports.clock.after(retryMs, () => {
      if (this.#works.get(image) !== work || work.activity.is !== 'failed') return
      work.activity = { ...work.activity, mayRetry: true }
      this.#onChange(image)
    })
  }
}

const ways = new Set(['link/lost', 'image/offset', 'request/too-many', 'datastore/full'])
const isOfWay = (fault: unknown) => fault instanceof Problem && ways.has(fault.code)

const isBusy = (work: Work | undefined) =>
  work?.activity.is === 'building' || work?.activity.is === 'receiving'
