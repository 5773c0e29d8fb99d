/**
 * `decant completion bash|zsh|fish` prints a script that asks `decant complete -- WORD…` for candidates:
 * what can be typed next is worked out here, once, for every shell.
 */

import { kinds } from '#kinds/registry.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import type { Command, Context, Flag } from '../command.ts'
import { everywhere, parted } from '../everywhere.ts'
import { actionsOf, kindCalled } from '../nouns/command.ts'

/** A shell waits while it asks: rather nothing than late. */
const answerMs = 1_500
const mostNames = 200

const scripts: Readonly<Record<string, string>> = {
  bash: `_decant() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _decant decant ./decant
`,
  zsh: `#compdef decant
_decant() {
  local -a found
  found=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _decant decant
`,
  fish: `complete -c decant -f -a '(set -l words (commandline -opc) (commandline -ct); $words[1] complete -- $words[2..-1] 2>/dev/null)'
`,
}

export async function completion(args: Arguments, context: Context): Promise<number> {
  const { language } = context.options
  const shell = onlyOperand(args, 'bash|zsh|fish', language)
  const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
  if (script === undefined)
    throw usage(language, 'flag-choice', {
      flag: 'completion',
      choices: Object.keys(scripts).join(', '),
      value: shell,
    })
  context.world.stdout.write(script)
  return 0
}

const dashed = (flags: readonly Flag[]) => [...flags, ...everywhere].map(({ name }) => `--${name}`)

async function namesOf(kindName: string | undefined, context: Context): Promise<string[]> {
  const kind = kindName === undefined ? undefined : kindCalled(kindName)
  if (kind === undefined) return []
  const names = async () => {
    const client = await context.client()
    const { project } = context.options
    return (await client.list(kind, { project, limit: mostNames })).map(({ name }) => name)
  }
  const late = new Promise<string[]>((resolve) => setTimeout(resolve, answerMs, []).unref())
  return Promise.race([names(), late])
}

type Place = {
  readonly flags: readonly Flag[]
  readonly names: string | undefined
  readonly words: readonly string[]
}

/** Where the cursor stands: which flags, which operands. */
function placeOf(words: readonly string[], context: Context): Place | undefined {
  const [noun = '', second = ''] = words
  const kind = kindCalled(noun)
  if (kind !== undefined && words.length > 2) {
    const action = actionsOf(kind).find(({ name }) => name === second)
    if (action === undefined) return undefined
    const isExisting = action.operands !== '' && !['create', 'import'].includes(action.name)
    return { flags: action.flags(), names: isExisting ? kind.name : undefined, words: [] }
  }
  if (kind !== undefined)
    return { flags: [], names: undefined, words: actionsOf(kind).map(({ name }) => name) }
  const command = context.commands.find(({ name }) => name === noun)
  if (command === undefined || words.length < 2) return undefined
  return { flags: command.flags ?? [], names: command.names, words: operandsOf(command, context) }
}

function operandsOf({ name }: Command, { commands }: Context): string[] {
  const nouns = kinds.map(({ name }) => name)
  if (name === 'watch' || name === 'explain') return nouns
  if (name === 'help') return [...nouns, ...commands.map(({ name }) => name)]
  return name === 'completion' ? Object.keys(scripts) : []
}

/** All that may stand in place of the last word, which may be begun or empty. */
export async function candidates(typed: readonly string[], context: Context): Promise<string[]> {
  const words = [...parted(typed.slice(0, -1)).rest, ...typed.slice(-1)]
  const last = words.at(-1) ?? ''
  const place = placeOf(words, context)
  if (place === undefined) {
    const all = [...kinds.map(({ name }) => name), ...context.commands.map(({ name }) => name)]
    return last.startsWith('-') ? dashed([]) : all
  }
  const flag = [...place.flags, ...everywhere].find(({ name }) => typed.at(-2) === `--${name}`)
  if (flag?.value !== undefined && flag.isValueOptional !== true)
    return [...(flag.choices ?? (await namesOf(flag.names, context)))]
  if (last.startsWith('-')) return dashed(place.flags)
  return [...place.words, ...(await namesOf(place.names, context))]
}

/** `decant complete -- WORD…`: one candidate a line; silent about every fault. */
export async function complete(words: readonly string[], context: Context): Promise<number> {
  const last = words.at(-1) ?? ''
  const found = await candidates(words, context).catch(() => [])
  for (const word of found)
    if (word.startsWith(last) && !/[\s\u0000-\u001f\u007f]/.test(word)) context.paper.line(word)
  return 0
}
