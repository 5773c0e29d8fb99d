/** `decant machine insert|eject`: what lies in the CD drives of a machine. */

import type { Kind } from '#model/kind.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { oneLine } from '../width.ts'
import { editFlags, listAt, patch, standing, type Part } from './machine-edit.ts'
import type { Action } from './noun.ts'

const driveName = (at: number) => `cdrom${at}`

const driveFlag: Flag = {
  name: 'drive',
  value: 'DRIVE',
  summary: 'Which one, such as cdrom0; absent: the one that is meant plainly',
}

/** The drive that was named, else the only one that will do. */
function driveOf(drives: readonly Part[], willDo: (drive: Part) => boolean, args: Arguments): number {
  const named = args.one('drive')
  if (named !== undefined) return drives.findIndex((_, at) => driveName(at) === named)
  if (drives.length === 1) return 0
  const free = drives.flatMap((drive, at) => (willDo(drive) ? [at] : []))
  return free.length === 1 ? (free[0] ?? -1) : -1
}

async function change(kind: Kind, image: string | null, args: Arguments, context: Context): Promise<number> {
  const [name = ''] = args.operands
  const before = await standing(kind, name, context)
  const drives = listAt(before.spec, 'cdroms')
  const isEmpty = (drive: Part) => (drive.image ?? null) === null
  const chosen = driveOf(drives, (drive) => isEmpty(drive) === (image !== null), args)
  if (chosen < 0) {
    const told = drives.map((drive, at) => `${driveName(at)} ${oneLine(String(drive.image ?? '–'))}`)
    throw usage(context.options.language, drives.length === 0 ? 'no-drive' : 'which-drive', {
      name,
      drives: told.join(', '),
    })
  }
  const cdroms = drives.map((drive, at) => (at === chosen ? { ...drive, image } : drive))
  return patch(kind, { before, spec: { cdroms } }, args, context)
}

async function insert(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const [name, image, extra] = args.operands
  const { language } = context.options
  if (name === undefined || image === undefined)
    throw usage(language, 'operand-missing', { what: name === undefined ? 'NAME' : 'IMAGE' })
  if (extra !== undefined) throw usage(language, 'operand-extra', { text: extra })
  return change(kind, image, args, context)
}

async function eject(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const [name, extra] = args.operands
  const { language } = context.options
  if (name === undefined) throw usage(language, 'operand-missing', { what: 'NAME' })
  if (extra !== undefined) throw usage(language, 'operand-extra', { text: extra })
  return change(kind, null, args, context)
}

export const mediaActions = (kind: Kind): readonly Action[] => [
  {
    name: 'insert',
    summary: 'Put an ISO image into a CD drive',
    operands: 'NAME IMAGE',
    flags: () => [driveFlag, ...editFlags],
    run: (args, context) => insert(kind, args, context),
  },
  {
    name: 'eject',
    summary: 'Empty a CD drive',
    operands: 'NAME',
    flags: () => [driveFlag, ...editFlags],
    run: (args, context) => eject(kind, args, context),
  },
]
