/**
 * Who listens at the address of a Decant of this machine. Its files may have outlived it, and then anybody may
 * have taken its port: the administrator's token is shown to nobody but the controller's own user (I-45).
 */

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '#model/problem.ts'

/** `0A` is LISTEN in the kernel's tables (proc(5); linux, include/net/tcp_states.h). */
const listening = '0A'
/** Any address, and loopback ones, as 32-bit words in the order of this machine's bytes. */
const isHere = (address = '') => /^(0+|.{6}7F|7F.{6}|0+1000000|0+1|0+FFFF0000.{8})$/.test(address)

/** Users who listen on a port at an address that leads to this machine itself. */
export function listenersOn(port: number, tables: readonly string[]): number[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return tables
    .flatMap((table) => table.split('\n'))
    .map((line) => line.trim().split(/ +/))
    .filter(([, place = '', , state]) => {
      const [address, at] = place.split(':')
      return state === listening && at === wanted && isHere(address)
    })
    .map((fields) => Number(fields[7]))
}

const read = (file: string) => readFile(file, 'latin1').catch(() => '')

/** Problem `start/not-running` when a stranger listens in the place of the controller of this data. */
export async function checkListener(url: string, data: string): Promise<void> {
  const { protocol, port } = new URL(url)
  // By HTTPS it proves who it is.
  if (protocol !== 'http:') return
  const folder = await stat(join(data, 'controller')).catch(() => undefined)
  const owner = folder?.uid ?? process.getuid?.()
  const listeners = listenersOn(
    Number(port === '' ? 80 : port),
    await Promise.all([read('/proc/net/tcp'), read('/proc/net/tcp6')]),
  )
  if (listeners.some((uid) => uid !== owner)) throw new Problem('start/not-running', { data })
}
