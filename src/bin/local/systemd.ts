/**
 * `decant service install|uninstall`: Decant under systemd, the system's for root, else the user's own.
 * Restarting the service ends the supervisor only: its two programs notice and end, guests run on.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { argumentsFrom, onlyOperand, usage, type Arguments } from '#cli/arguments.ts'
import type { Context } from '#cli/command.ts'
import { Problem } from '#model/problem.ts'
import { readSettings } from '../config.ts'
import { layoutOf } from '../layout.ts'
import { serviceFlags } from './flags.ts'
import { isHeld, supervisorOf } from './supervisor.ts'
import { text } from './words.ts'

export const checkout = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** A word of a unit file: `%` starts a specifier and `$` a variable (systemd.unit(5), systemd.service(5)). */
const quoted = (word: string) =>
  `"${word.replace(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`

/** The unit. `KillMode=process` and a cgroup of its own for each guest: no restart ends a guest (I-24). */
export const unitText = (argv: readonly string[], isRoot: boolean) => `[Unit]
Description=Decant, a virtual datacenter
Documentation=file://${checkout.replaceAll('%', '%%')}/README.md
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=${argv.map(quoted).join(' ')}
KillMode=process
SendSIGKILL=no
TimeoutStopSec=30
Restart=on-failure
RestartSec=2
TasksMax=infinity
LimitNOFILE=65536

[Install]
WantedBy=${isRoot ? 'multi-user.target' : 'default.target'}
`

export type Place = { readonly unitFile: string; readonly systemctl: readonly string[] }

export const placeFor = ({ world }: Context): Place =>
  world.isRoot
    ? { unitFile: '/etc/systemd/system/decant.service', systemctl: [] }
    : {
        unitFile: join(
          world.env.XDG_CONFIG_HOME ?? join(world.home, '.config'),
          'systemd/user/decant.service',
        ),
        systemctl: ['--user'],
      }

/** The folder exists exactly where systemd is the running init (sd_booted(3)). */
const runsSystemd = () => existsSync('/run/systemd/system')

export function systemctl({ systemctl: options }: Place, ...words: readonly string[]) {
  try {
    execFileSync('systemctl', [...options, ...words], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
  } catch (error) {
    const why = String((error as { stderr?: unknown }).stderr ?? '')
      .trim()
      .slice(0, 400)
    throw new Problem('tool/failed', { tool: `systemctl ${words[0] ?? ''}`, why }, { cause: error })
  }
}

/** The settings that the service starts with: those that were given, judged as `npm start` would. */
function settingsOf(args: Arguments, { options, world }: Context): readonly string[] {
  const given = serviceFlags.flatMap(({ name }) => {
    const value = args.one(name)
    return value === undefined ? [] : [`--${name}`, value]
  })
  const settings = ['--data', options.data, ...given]
  readSettings(settings, {}, world.isRoot ? 0 : -1)
  return settings
}

function install(args: Arguments, context: Context): number {
  const settings = settingsOf(args, context)
  if (!runsSystemd()) {
    throw new Problem('feature/not-here', { what: 'a service', why: 'systemd does not run here' })
  }
  const place = placeFor(context)
  const layout = layoutOf(context.options.data)
  // One in a terminal has the data: the service would start in vain again and again.
  if (!existsSync(place.unitFile) && isHeld(layout))
    throw new Problem('store/locked', { pid: supervisorOf(layout) ?? '?', path: layout.data })
  const start = [process.execPath, join(checkout, 'src/bin/start.ts'), ...settings]
  mkdirSync(dirname(place.unitFile), { recursive: true })
  writeFileSync(place.unitFile, unitText(start, context.world.isRoot))
  systemctl(place, 'daemon-reload')
  systemctl(place, 'enable', 'decant.service')
  systemctl(place, 'restart', 'decant.service')
  context.paper.line(text(context, 'service-installed', { unit: place.unitFile }))
  if (!context.world.isRoot) context.paper.line(text(context, 'service-linger'))
  const command = ['journalctl', ...place.systemctl, '-u', 'decant'].join(' ')
  context.paper.line(text(context, 'service-log', { command }))
  return 0
}

/** Takes the service away; says whether there was one. */
export function removeService(context: Context): boolean {
  const place = placeFor(context)
  if (!existsSync(place.unitFile)) return false
  if (runsSystemd()) systemctl(place, 'disable', '--now', 'decant.service')
  rmSync(place.unitFile)
  if (runsSystemd()) systemctl(place, 'daemon-reload')
  return true
}

export async function run(argv: readonly string[], context: Context): Promise<number> {
  const { language } = context.options
  const args = argumentsFrom(argv, serviceFlags, language)
  const action = onlyOperand(args, 'install or uninstall', language)
  if (action === 'install') return install(args, context)
  if (action !== 'uninstall') throw usage(language, 'operand-extra', { text: action })
  context.paper.line(text(context, removeService(context) ? 'service-removed' : 'service-absent'))
  return 0
}
