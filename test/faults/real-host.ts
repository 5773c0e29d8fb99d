/** What a host shows of one Decant: its programs, its guests' processes, files, groups, claims. */

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { openSqliteStore } from '#drivers/store/sqlite/store.ts'
import { isAlive, processesOn } from '../start/decant.ts'

const pids = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

const linkOf = (path: string) => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const entriesOf = (path: string) => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Pids of Decant's own programs: exactly those that hold the lock of the data folder. */
export const programsOn = (data: string): number[] =>
  pids().filter(
    (pid) =>
      isAlive(pid) &&
      entriesOf(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === join(data, 'run/lock')),
  )

export const supervisorOf = (data: string): number =>
  existsSync(join(data, 'run/lock')) ? Number(readFileSync(join(data, 'run/lock'), 'utf8')) : 0

type Child = { readonly pid: number; readonly words: string }

function childrenOf(parent: number): Child[] {
  return pids().flatMap((pid) => {
    try {
      const [, ppid] = /^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
      if (Number(ppid) !== parent) return []
      return [{ pid, words: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }]
    } catch {
      return []
    }
  })
}

const childRunning = (supervisor: number, script: string) =>
  childrenOf(supervisor).find(({ words }) => words.includes(script))?.pid ?? 0

/** The program itself, within its cell; 0 when there is none. */
export function controllerOf(supervisor: number): number {
  let pid = childRunning(supervisor, 'src/bin/controller.ts')
  for (let [next] = pid === 0 ? [] : childrenOf(pid); next !== undefined; [next] = childrenOf(pid))
    pid = next.pid
  return pid
}

export const agentOf = (supervisor: number) => childRunning(supervisor, 'src/bin/agent.ts')

/** Processes with this folder among their words: QEMU and its jail. */
export const wordsNaming = (folder: string): Child[] => processesOn(folder)

export const qemuOn = (data: string): Child[] =>
  processesOn(join(data, 'agent/guests')).filter(({ words }) => words.startsWith('qemu-system'))

/** Every path that the agent keeps, but for what it only downloaded and may download again. */
export const keptOn = (data: string): string[] =>
  readdirSync(join(data, 'agent'), { recursive: true, withFileTypes: true })
    .map((entry) => relative(data, join(entry.parentPath, entry.name)))
    .filter((path) => !/^agent\/(packages|compiled)(\/|$)/.test(path))
    .sort()

/** Control groups that carry one of these ids, with the processes in them. */
export const groupsNaming = (ids: readonly string[]): string[] =>
  readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' })
    .filter((path) => ids.some((id) => path.endsWith(id)))
    .map((path) => `${path} [${membersOf(join('/sys/fs/cgroup', path, 'cgroup.procs'))}]`)

const membersOf = (file: string) => {
  try {
    return readFileSync(file, 'utf8').trim().replaceAll('\n', ' ')
  } catch {
    return ''
  }
}

/** Claims, allocations and documents of a stopped Decant's store, as `what/name` → holder. */
export async function storedIn(data: string) {
  const store = await openSqliteStore({ folder: join(data, 'controller') })
  try {
    const claims = await store.claims('')
    const { entries } = await store.snapshot()
    return { claims, entries }
  } finally {
    await store.close()
  }
}
