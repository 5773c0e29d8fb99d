/** `decant image build debian-12|debian-13 NAME`: a Debian that is put together on a host. */

import type { Kind } from '#model/kind.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { createdFrom } from './create.ts'
import { fieldFlagsOf, planFlag, wishFlags } from './wishing.ts'
import type { Action } from './noun.ts'
import { waitFlag } from './settle.ts'

const distributions = ['debian-12', 'debian-13']

const packageFlag: Flag = {
  name: 'package',
  value: 'PACKAGE',
  isRepeatable: true,
  summary: 'A Debian package besides cloud-init, guest agent and ssh',
}

const sizeFlag: Flag = {
  name: 'size',
  value: 'SIZE',
  summary: 'Size of the disk; 2GiB. Machines may have larger ones',
}

function sizeFrom(kind: Kind, args: Arguments, { options, world }: Context): number | undefined {
  const text = args.one('size')
  if (text === undefined) return undefined
  const flag = fieldFlagsOf(kind).find(({ path }) => path === 'build.sizeMib')
  const size = flag?.read(text, world.nowMs())
  if (typeof size === 'number') return size
  throw usage(options.language, 'flag-read', { flag: '--size', value: text, wanted: '2GiB' })
}

function build(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { language } = context.options
  const [distribution, name, extra] = args.operands
  if (distribution === undefined || name === undefined)
    throw usage(language, 'operand-missing', { what: distribution === undefined ? 'DISTRIBUTION' : 'NAME' })
  if (extra !== undefined) throw usage(language, 'operand-extra', { text: extra })
  if (!distributions.includes(distribution)) {
    const choices = distributions.join(', ')
    throw usage(language, 'flag-choice', { flag: 'DISTRIBUTION', value: distribution, choices })
  }
  const sizeMib = sizeFrom(kind, args, context)
  const wish = { distribution, packages: args.all('package'), ...(sizeMib === undefined ? {} : { sizeMib }) }
  return createdFrom(kind, { name, base: { source: 'build', build: wish } }, args, context)
}

/** Flags of every wish that do not say where the content comes from. */
const kept = new Set(['datastore', 'shared', 'description', 'label', 'protected'])

export const imageBuildAction = (kind: Kind): Action => ({
  name: 'build',
  summary: 'Build a Debian that boots with BIOS and UEFI and configures itself by cloud-init',
  operands: 'DISTRIBUTION NAME',
  flags: () => [
    packageFlag,
    sizeFlag,
    ...wishFlags(kind).filter(({ name }) => kept.has(name)),
    waitFlag,
    planFlag,
  ],
  run: (args, context) => build(kind, args, context),
})
