/** A real guest that writes to its disks on demand, and files that tests look into from outside. */

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { LayersWorld } from '#drivers/hypervisor/contract-layers.ts'
import type { FileLayer, Hypervisor } from '#drivers/hypervisor/port.ts'
import { bodyOf, diskOf, liveWorld } from './hypervisor-world.ts'

export const placeBytes = 65_536
const diskBytes = 64 * 2 ** 20

/** Runs a line in the guest's shell and gives what it said. */
export function inGuest(driver: Hypervisor, id: string, line: string): Promise<string> {
  // There is one shell: who speaks at the same time as another is heard by it as noise.
  const turn = shell.then(() => said(driver, id, line))
  shell = turn.catch(() => undefined)
  return turn
}

let shell: Promise<unknown> = Promise.resolve()
const timeoutMs = 60_000

async function said(driver: Hypervisor, id: string, line: string): Promise<string> {
  const channel = await driver.serial(id)
  const mark = `end-${Math.random().toString(36).slice(2)}`
  const deadline = setTimeout(() => channel.close(), timeoutMs)
  let text = ''
  let sent = ''
  try {
    // The mark is put together by the shell, so that its echo is not taken for it.
    await channel.write(Buffer.from(`echo '<''${mark}'; ${line}; echo '${mark}''>'\r`))
    for await (const piece of channel.bytes) {
      text += Buffer.from(piece).toString('latin1')
      const from = text.indexOf(`<${mark}`)
      const to = text.indexOf(`${mark}>`, from)
      if (from >= 0 && to > from) {
        sent = text.slice(from + mark.length + 1, to)
        break
      }
    }
  } finally {
    clearTimeout(deadline)
    channel.close()
  }
  return sent.replaceAll('\r', '').trim()
}

const deviceOf = (disk: string) => `/dev/vd${'abcdefgh'[Number(disk.slice(4))]}`

/** Where a guest disk's block begins with this word from now on. */
export const writeWord = (
  driver: Hypervisor,
  id: string,
  { disk, place, word }: { disk: string; place: number; word: string },
) =>
  inGuest(
    driver,
    id,
    `printf '%-16s' ${word} | dd of=${deviceOf(disk)} bs=16 count=1 seek=${(place * placeBytes) / 16} conv=notrunc,fsync 2>/dev/null`,
  )

export const readWord = async (driver: Hypervisor, id: string, disk: string, place: number) =>
  (
    await inGuest(
      driver,
      id,
      `echo 3 >/proc/sys/vm/drop_caches; dd if=${deviceOf(disk)} bs=16 count=1 skip=${(place * placeBytes) / 16} 2>/dev/null | tr -d '\\000'`,
    )
  ).trim()

/** What one file itself holds, whatever it stands on. */
export function heldIn(file: string, place: number): string {
  const format = file.endsWith('.raw') ? 'raw' : 'qcow2'
  const node = {
    driver: format,
    file: { driver: 'file', filename: file },
    ...(format === 'raw' ? {} : { backing: null }),
  }
  const said = execFileSync(
    'qemu-io',
    ['-r', '-U', '-c', `read -v ${place * placeBytes} 16`, `json:${JSON.stringify({ ...node })}`],
    { encoding: 'utf8' },
  )
  const [, hex = ''] = /^[0-9a-f]{8}:\s+((?:[0-9a-f]{2} ){16})/m.exec(said) ?? []
  return Buffer.from(hex.replaceAll(' ', ''), 'hex').toString('latin1').replaceAll('\0', '').trim()
}

export async function layersWorld(): Promise<LayersWorld> {
  const live = await liveWorld()
  const folder = mkdtempSync(join(tmpdir(), 'decant-live-layers-'))
  chmodSync(folder, 0o755)
  mkdirSync(join(folder, 'disks'))
  let last: Hypervisor | undefined
  let made = 0
  const following = new Proxy({} as Hypervisor, {
    get: (_, name) => {
      const now = last as Hypervisor
      const member: unknown = Reflect.get(now, name, now)
      return typeof member === 'function' ? member.bind(now) : member
    },
  })
  const driver = () => last as Hypervisor
  const newFile = (format: string) => join(folder, 'disks', `${(made += 1)}.${format}`)
  const shared = (file: string) => {
    chmodSync(file, 0o666)
    return file
  }
  const newRaw = () => {
    const file = newFile('raw')
    writeFileSync(file, '')
    truncateSync(file, diskBytes)
    return shared(file)
  }
  const newOverlay = (under: string): FileLayer => {
    const file = newFile('qcow2')
    const format = under.endsWith('.raw') ? 'raw' : 'qcow2'
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', under, '-F', format, file])
    return { file: shared(file), format: 'qcow2', key: null }
  }
  const layer = (file: string): FileLayer => ({
    file,
    format: file.endsWith('.raw') ? 'raw' : 'qcow2',
    key: null,
  })
  return {
    clock: realClock,
    open: async () => {
      // QEMU talks to one driver at a time: who opens another goes on with it.
      await last?.close()
      last = await live.open()
      return following
    },
    body: async () => bodyOf({}, { disks: ['disk0', 'disk1'].map((id) => diskOf({ id, file: newRaw() })) }),
    cooperates: async (id) => {
      while ((await driver().observe(id)).wordSeenAtMs === null) await realClock.sleep(50)
      await inGuest(driver(), id, 'while [ ! -b /dev/vdb ]; do sleep 1; done')
      return true
    },
    newTop: async (under) => newOverlay(under),
    newTarget: async () => {
      const file = newFile('qcow2')
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', file, String(diskBytes)])
      return diskOf({ file: shared(file), format: 'qcow2' })
    },
    newMemoryFile: async () => join(folder, `memory-${(made += 1)}`),
    write: async (id, disk, place, word) => void (await writeWord(driver(), id, { disk, place, word })),
    read: (id, disk, place) => readWord(driver(), id, disk, place),
    layerHolds: async (file, place) => heldIn(file, place),
    isOpen: async (id, file) => {
      const pid = (await driver().observe(id)).pid ?? 0
      return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === file)
    },
    isThere: async (file) => existsSync(file),
    mind: {
      remember: async (id, word) => void (await inGuest(driver(), id, `word=${word}`)),
      recall: (id) => inGuest(driver(), id, 'echo "$word"'),
    },
    bodyFrom: async (memoryFile, under) =>
      bodyOf(
        {},
        {
          memoryFile,
          disks: Object.entries(under).map(([id, file]) =>
            diskOf({ id, ...newOverlay(file), backing: [layer(file), ...beneath(file)] }),
          ),
        },
      ),
    close: async () => {
      await live.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What a file stands on, by the headers that the tests wrote. */
function beneath(file: string): FileLayer[] {
  if (file.endsWith('.raw')) return []
  const info = JSON.parse(
    execFileSync('qemu-img', ['info', '-U', '--output=json', file], { encoding: 'utf8' }),
  )
  const under: unknown = info['full-backing-filename']
  if (typeof under !== 'string') return []
  return [{ file: under, format: under.endsWith('.raw') ? 'raw' : 'qcow2', key: null }, ...beneath(under)]
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
