/** `decant watch [KIND…]`: what is there, then each change, until Ctrl-C. */

import { durationText } from '#base/quantity.ts'
import type { Kind } from '#model/kind.ts'
import { kinds } from '#kinds/registry.ts'
import { holdsFrom, type Thing } from '#client/answers.ts'
import { watch as watched, type Sight } from '#client/watch.ts'
import { story } from '#model/problem.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { holdText, nothing, stateColour } from '../describe.ts'
import { nearest } from '../nearest.ts'
import { kindCalled } from '../nouns/command.ts'
import { oneLine, padded } from '../width.ts'

function kindsFrom(words: readonly string[], context: Context): Kind[] {
  return words.map((word) => {
    const kind = kindCalled(word)
    if (kind !== undefined) return kind
    const near = nearest(
      word,
      kinds.map(({ name }) => name),
    )
    const { language } = context.options
    throw near === undefined
      ? usage(language, 'command-unknown', { command: `watch ${word}` })
      : usage(language, 'command-nearest', { command: `watch ${word}`, near: `watch ${near}` })
  })
}

const clock = (nowMs: number) => new Date(nowMs).toISOString().slice(11, 19)

function stateText(thing: Thing, context: Context): string {
  const { paper } = context
  const state = oneLine(String(thing.status.state ?? thing.status.phase ?? ''))
  const colour = stateColour(state)
  const shown = state === '' ? nothing : colour === undefined ? state : paper.paint(colour, state)
  const holds = holdsFrom(thing.status.holds).map((hold) => holdText(hold, paper.language))
  const going = thing.deletingAtMs === null ? '' : ` (${paper.text('deletingNow')})`
  return [`${shown}${going}`, ...holds].join('  ')
}

const keyOf = (kind: string, project: string | null, name: string) =>
  `${kind} ${oneLine(project === null || project === 'default' ? name : `${project}/${name}`)}`

/** A line for each change that a person would notice; figures that move all the time are not news. */
function teller(context: Context): (sight: Sight) => void {
  const { paper, world } = context
  const said = new Map<string, string>()
  const line = (key: string, text: string) =>
    paper.line(`${paper.paint('dim', clock(world.nowMs()))}  ${padded(key, 24)}  ${text}`)
  return (sight) => {
    if (sight.type === 'delete') {
      const { kind, project, name, id } = sight.gone
      said.delete(id)
      return line(keyOf(kind, project, name), paper.text('gone'))
    }
    if (sight.type !== 'put') return
    const { kind, project, name, id } = sight.thing
    const text = stateText(sight.thing, context)
    const mark = `${sight.thing.generation} ${text}`
    if (said.get(id) === mark) return
    said.set(id, mark)
    line(keyOf(kind, project, name), text)
  }
}

export async function watch(args: Arguments, context: Context): Promise<number> {
  const { paper, options, world } = context
  const chosen = kindsFrom(args.operands, context)
  const client = await context.client()
  const tell =
    options.format === 'table' ? teller(context) : (sight: Sight) => paper.line(JSON.stringify(sight))
  const sights = watched(client, {
    ...(chosen.length > 0 ? { kinds: chosen } : {}),
    project: options.project,
    labels: args.all('label'),
    from: 'list',
    signal: world.interrupted,
    onCut({ cause, againInMs }) {
      const why = oneLine(cause instanceof Error ? story(cause) : 'closed')
      paper.note(paper.text('watch-cut', { why, time: durationText(Math.ceil(againInMs / 1000)) }))
    },
  })
  for await (const sight of sights) tell(sight)
  return 0
}
