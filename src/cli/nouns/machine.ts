/** `decant machine attach|detach|resize|clone`: edits of lists that read better as words of their own. */

import type { Kind } from '#model/kind.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import type { FieldFlag } from '../flags.ts'
import { partFlags } from '../shorthands.ts'
import { specFrom } from '../wish.ts'
import { createdFrom } from './create.ts'
import { editFlags, listAt, patch, standing, type Part } from './machine-edit.ts'
import { mediaActions } from './machine-media.ts'
import type { Action } from './noun.ts'
import { waitFlag } from './settle.ts'
import { fieldFlagsOf, planFlag, wishFlags } from './wishing.ts'

const readingOf = (context: Context) => ({
  language: context.options.language,
  nowMs: context.world.nowMs(),
})

async function attach(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const before = await standing(kind, onlyOperand(args, 'NAME', context.options.language), context)
  const added = specFrom({}, args, partFlags, readingOf(context))
  const fields = Object.keys(added)
  if (fields.length === 0) throw usage(context.options.language, 'nothing-to-change')
  const spec = Object.fromEntries(
    fields.map((field) => [field, [...listAt(before.spec, field), ...listAt(added, field)]]),
  )
  return patch(kind, { before, spec }, args, context)
}

/** A part is meant by its name; a disk by its volume's as well, a CD drive by its place. */
const isMeant = (part: Part, word: string) => part.name === word || (part.volume ?? null) === word

async function detach(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { language } = context.options
  const [name, ...words] = args.operands
  if (name === undefined) throw usage(language, 'operand-missing', { what: 'NAME' })
  if (words.length === 0) throw usage(language, 'operand-missing', { what: 'PART' })
  const before = await standing(kind, name, context)
  const lists = ['disks', 'nics'].map((field) => [field, listAt(before.spec, field)] as const)
  const known = lists.flatMap(([, parts]) => parts)
  const unknown = words.find((word) => !known.some((part) => isMeant(part, word)))
  if (unknown !== undefined) {
    const parts = known.map((part) => String(part.volume ?? part.name)).join(', ')
    throw usage(language, 'part-unknown', { name, part: unknown, parts })
  }
  const left = lists.map(
    ([field, parts]) =>
      [field, parts.filter((part) => !words.some((word) => isMeant(part, word))), parts] as const,
  )
  const spec = Object.fromEntries(
    left.filter(([, kept, all]) => kept.length < all.length).map(([field, kept]) => [field, kept]),
  )
  return patch(kind, { before, spec }, args, context)
}

const sizes = new Set(['cpus', 'memory', 'balloon'])

/** `--disk 20GiB`: the boot disk; `--disk data=20GiB`: a disk that was made for the machine, by its name. */
const diskSize = (mib: FieldFlag): Flag => ({
  name: 'disk',
  value: 'SIZE|DISK=SIZE',
  isRepeatable: true,
  summary: mib.summary,
})

async function resize(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { language } = context.options
  const before = await standing(kind, onlyOperand(args, 'NAME', language), context)
  const flags = fieldFlagsOf(kind)
  const size = flags.find(({ path }) => path === 'diskMib')
  const plain = specFrom(
    {},
    args,
    flags.filter(({ name, path }) => sizes.has(name) || path === 'diskMib'),
    readingOf(context),
  )
  const named = args.all('disk').flatMap((text) => {
    const equals = text.indexOf('=')
    return equals < 0 ? [] : [[text.slice(0, equals), text.slice(equals + 1)] as const]
  })
  const disks = listAt(before.spec, 'disks')
  const grown = named.reduce((parts, [word, text]) => {
    const sizeMib = size?.read(text, 0)
    const facts = { flag: '--disk', value: `${word}=${text}`, wanted: 'DISK=SIZE' }
    if (sizeMib === undefined || !parts.some((part) => isMeant(part, word)))
      throw usage(language, 'flag-read', facts)
    return parts.map((part) => (isMeant(part, word) ? { ...part, sizeMib } : part))
  }, disks)
  const spec = { ...plain, ...(named.length > 0 ? { disks: grown } : {}) }
  if (Object.keys(spec).length === 0) throw usage(language, 'nothing-to-change')
  return patch(kind, { before, spec }, args, context)
}

const cloneFlags: readonly Flag[] = [
  { name: 'snapshot', value: 'NAME', names: 'snapshot', summary: 'As it was then; absent: as it is now' },
  { name: 'full', summary: 'A copy that stands alone; absent: only what changes is stored' },
]

async function clone(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const [source, name, extra] = args.operands
  const { language } = context.options
  if (source === undefined || name === undefined)
    throw usage(language, 'operand-missing', { what: source === undefined ? 'SOURCE' : 'NEW' })
  if (extra !== undefined) throw usage(language, 'operand-extra', { text: extra })
  const snapshot = args.one('snapshot')
  const cloneOf = {
    machine: source,
    ...(snapshot === undefined ? {} : { snapshot }),
    clone: args.has('full') ? 'full' : 'linked',
  }
  return createdFrom(kind, { name, base: { cloneOf } }, args, context)
}

/** What only machines have. */
export const machineActions = (kind: Kind): readonly Action[] => [
  {
    name: 'attach',
    summary: 'Add disks, NICs or CD drives, live where that can be',
    operands: 'NAME',
    flags: () => [...partFlags, ...editFlags],
    run: (args, context) => attach(kind, args, context),
  },
  {
    name: 'detach',
    summary: 'Take disks or NICs out, by their names; no disk is deleted by it',
    operands: 'NAME PART…',
    flags: () => editFlags,
    run: (args, context) => detach(kind, args, context),
  },
  ...mediaActions(kind),
  {
    name: 'resize',
    summary: 'Change CPUs, memory and sizes of disks, live where that can be',
    operands: 'NAME',
    flags: () => [
      ...fieldFlagsOf(kind).flatMap((flag) =>
        flag.path === 'diskMib' ? [diskSize(flag)] : sizes.has(flag.name) ? [flag] : [],
      ),
      ...editFlags,
    ],
    run: (args, context) => resize(kind, args, context),
  },
  {
    name: 'clone',
    summary: 'Make another machine with the same disks and an identity of its own',
    operands: 'SOURCE NEW',
    flags: () => [
      ...cloneFlags,
      ...wishFlags(kind).filter(({ name }) => !name.startsWith('clone-of')),
      waitFlag,
      planFlag,
    ],
    run: (args, context) => clone(kind, args, context),
  },
]
