/** Images in the making: builds and receptions under way on this host, with progress. Lost at a restart; begun anew. */

import { Problem, story } from '#model/problem.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { Report } from '#drivers/image/port.ts'
import type { ImageSpec } from '#kinds/image/schema.ts'
import type { ImageActivity } from '#kinds/image/plan.ts'
import type { AgentPorts } from './world.ts'

type Work = { activity: ImageActivity; readonly abort: AbortController; done: Promise<void> }

/** A build that failed for want of the network is tried again after this. */
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

  /** Begins to build the starter image; says later how it went. */
  build(image: string, into: Datastore) {
    if (isBusy(this.#works.get(image))) return
    const work = this.#begin(image, 'building')
    work.done = this.#settle(
      image,
      work,
      this.#ports.imageMaker.buildStarter(image, into, this.#reporting(image, work), work.abort.signal),
      true,
    )
  }

  /** Receives a content; resolves when it is sealed, rejects with the problem that it was refused for. */
  async receive(
    image: string,
    into: Datastore,
    content: ByteChannel,
    spec: ImageSpec & { readonly bytes: number | null },
  ): Promise<void> {
    if (isBusy(this.#works.get(image)))
      throw new Problem('request/too-many', { limit: 1, what: 'contents for one image' })
    const work = this.#begin(image, 'receiving')
    const wish = { format: spec.format, sha256: spec.sha256 ?? null, bytes: spec.bytes }
    const received = this.#ports.imageMaker.receive(
      image,
      into,
      content,
      wish,
      this.#reporting(image, work),
      work.abort.signal,
    )
    work.done = this.#settle(image, work, received, false)
    await received
    await work.done
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
      abort: new AbortController(),
      done: Promise.resolve(),
    }
    this.#works.set(image, work)
    this.#onChange(image)
    return work
  }

  #reporting(image: string, work: Work): Report {
    let saidAt = -newsMs
    return (progress) => {
      if (work.activity.is !== 'building' && work.activity.is !== 'receiving') return
      const isNewStep = work.activity.progress.step !== progress.step
      work.activity = { is: work.activity.is, progress }
      const now = this.#ports.clock.monotonic()
      if (!isNewStep && now - saidAt < newsMs) return
      saidAt = now
      this.#onChange(image)
    }
  }

  async #settle(image: string, work: Work, making: Promise<void>, mayRetry: boolean): Promise<void> {
    try {
      await making
      this.#works.delete(image)
    } catch (fault) {
      if (work.abort.signal.aborted) return
      this.#ports.log(`image ${image}: ${story(fault)}`)
      work.activity = { is: 'failed', why: story(fault).slice(0, 400), mayRetry: false }
      if (mayRetry) this.#retryLater(image, work)
    } finally {
      this.#onChange(image)
    }
  }

  #retryLater(image: string, work: Work) {
    this.#ports.clock.after(retryMs, () => {
      if (this.#works.get(image) !== work || work.activity.is !== 'failed') return
      work.activity = { ...work.activity, mayRetry: true }
      this.#onChange(image)
    })
  }
}

const isBusy = (work: Work | undefined) =>
  work?.activity.is === 'building' || work?.activity.is === 'receiving'
