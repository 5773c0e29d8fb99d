/** The settings of Decant, from arguments and environment: the only place that names either. */

import { homedir } from 'node:os'
import { isAbsolute, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { kebab } from '#base/text.ts'
import { Name } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import { dataFolder } from '#cli/place.ts'

const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(least).max(most))

const yes = new Set(['', '1', 'yes', 'true', 'on'])
const no = new Set(['0', 'no', 'false', 'off'])

const YesNo = z
  .string()
  .refine((text) => yes.has(text) || no.has(text), 'must be yes or no')
  .transform((text) => yes.has(text))

const Folder = z
  .string()
  .min(1)
  .max(4000)
  .refine((path) => !path.includes('\0'), 'must be a path')
  .transform((path) => resolve(path))

const Folders = z
  .string()
  .max(16_000)
  .refine((text) => !text.includes('\0'), 'must be a path')
  .default('')
  .transform((text) => text.split(':').filter((part) => part !== ''))
  .refine((folders) => folders.length <= 16 && folders.every(isAbsolute), 'must be absolute folders')

const UsbDevices = z
  .string()
  .max(2_000)
  .default('')
  .transform((text) => text.split(',').filter((part) => part !== ''))
  .refine(
    (devices) => devices.length <= 64 && devices.every((device) => /^[0-9a-f]{4}:[0-9a-f]{4}$/.test(device)),
    'must be VENDOR:PRODUCT as lsusb says it, such as 046d:c52b',
  )

const Simulation = z
  .string()
  .regex(/^\d{1,6},\d{1,6}$/, 'must be HOSTS,MACHINES, such as 100,1000')
  .transform((text) => {
    const [hosts = 0, machines = 0] = text.split(',').map(Number)
    return { hosts, machines }
  })
  .refine(({ hosts }) => hosts >= 1, 'at least one host')

/** Every setting arrives as text. `value` says in the help what to write after the flag. */
export const Settings = z.strictObject({
  data: Folder.optional().meta({
    value: 'DIR',
    description: 'Where everything is kept (/var/lib/decant as root, else decant in the XDG data folder)',
  }),
  port: whole(0, 65_535)
    .default(7420)
    .meta({ value: 'N', description: 'Port to serve on (7420); 0: any free one' }),
  listen: z.union([z.ipv4(), z.ipv6()], 'must be an IP address').default('127.0.0.1').meta({
    value: 'ADDRESS',
    description: 'Address to serve on (127.0.0.1); any but a loopback address is served by HTTPS only',
  }),
  name: Name.optional().meta({
    value: 'NAME',
    description: 'Name of this host in the pool (made from the host name at the first start)',
  }),
  hello: YesNo.default(true).meta({
    description: 'Whether the first start makes the machine hello (yes)',
  }),
  importFolder: Folders.meta({
    value: 'DIR[:DIR]',
    description: 'Folders of this host whose files may become images (none)',
  }),
  datastoreFolder: Folders.meta({
    value: 'DIR[:DIR]',
    description: 'Folders of this host below which datastores may lie (none)',
  }),
  shareFolder: Folders.meta({
    value: 'DIR[:DIR]',
    description: 'Folders of this host below which machines may be shown folders (none)',
  }),
  usbDevice: UsbDevices.meta({
    value: 'VENDOR:PRODUCT[,…]',
    description: 'USB devices of this host that machines may be given (none)',
  }),
  allowPrivateAddresses: YesNo.default(false).meta({
    description: "Whether images may be fetched from addresses of this host's own networks (no)",
  }),
  simulate: Simulation.optional().meta({
    value: 'HOSTS,MACHINES',
    description: 'Run against simulated hosts that hold this many machines',
  }),
  help: YesNo.default(false).meta({ description: 'Say this and end' }),
})
export type Settings = Omit<z.output<typeof Settings>, 'data'> & { readonly data: string }

type Environment = Readonly<Record<string, string | undefined>>

const fields = Object.keys(Settings.shape) as (keyof typeof Settings.shape)[]
const variable = (field: string) => `DECANT_${kebab(field).replaceAll('-', '_').toUpperCase()}`
const isSwitch = (field: keyof typeof Settings.shape) => Settings.shape[field].meta()?.value === undefined

function fromArguments(argv: readonly string[]): Record<string, string> {
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    allowNegative: true,
    options: Object.fromEntries(
      fields.map((field) => [kebab(field), { type: isSwitch(field) ? 'boolean' : 'string' }]),
    ),
  })
  const told: Record<string, string> = {}
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') throw invalid(token.value, 'is not a setting')
    const positive = token.rawName.replace(/^--no-/, '--')
    const field = fields.find((name) => `--${kebab(name)}` === positive)
    if (field === undefined) throw invalid(token.rawName, 'there is no such setting')
    const isNegative = positive !== token.rawName
    if (isNegative && !isSwitch(field)) throw invalid(token.rawName, 'there is no such setting')
    if (token.value === undefined && !isSwitch(field)) throw invalid(token.rawName, 'a value must follow')
    told[field] = isNegative ? 'no' : (token.value ?? 'yes')
  }
  return told
}

const fromEnvironment = (environment: Environment) =>
  Object.fromEntries(
    fields.flatMap((field) => {
      const text = environment[variable(field)]
      return text === undefined || text === '' ? [] : [[field, text]]
    }),
  )

// Texts from outside are shown, but never at length.
const invalid = (setting: string, why: string) =>
  new Problem('setting/invalid', { setting: setting.slice(0, 80), why })

/** Reads the settings; an argument outdoes the environment. Problem `setting/invalid` names the one at fault. */
export function readSettings(argv: readonly string[], environment: Environment, uid: number): Settings {
  const told = fromArguments(argv)
  const parsed = Settings.safeParse({ ...fromEnvironment(environment), ...told })
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const field = String(issue?.path[0] ?? '')
    throw invalid(
      field in told ? `--${kebab(field)}` : variable(field),
      issue?.message ?? 'is not acceptable',
    )
  }
  const surroundings = { env: environment, isRoot: uid === 0, home: homedir() }
  const { data, ...others } = parsed.data
  // What is simulated never meets what is real.
  const suffix = others.simulate !== undefined && data === undefined ? '-simulated' : ''
  return { ...others, data: dataFolder(surroundings, data) + suffix }
}

/** The settings as a table for people. */
export function settingsText(): string {
  const rows = fields.map((field) => {
    const { value, description } = Settings.shape[field].meta() ?? {}
    const flag = value === undefined ? `--[no-]${kebab(field)}` : `--${kebab(field)} ${String(value)}`
    return `  ${flag.padEnd(27)} ${variable(field).padEnd(18)} ${description ?? ''}`
  })
  return ['npm start -- [SETTING]…', '', ...rows].join('\n')
}
