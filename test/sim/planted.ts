/**
 * `npm run sim:planted [NAME…]`: plants each fault in a copy of the sources and runs seeds on it until one
 * fails. A fault that no seed finds is a hole in the simulator.
 */

import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { faultsFrom } from '#sim/faults.ts'
import { simulate } from '#sim/simulation.ts'
import { mutations, type Mutation } from './mutations.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

export type Found = { readonly name: string; readonly seed: number | undefined; readonly told: string }

/**
 * The first seed that finds a planted fault, and what it says; undefined when none of so many does. A seed
 * that fails without the fault as well has found something else and does not count.
 */
export async function plant(mutation: Mutation, seeds: number): Promise<Found> {
  const folder = await mkdtemp(join(tmpdir(), 'decant-planted-'))
  try {
    await cp(join(checkout, 'src'), join(folder, 'src'), { recursive: true })
    await cp(join(checkout, 'package.json'), join(folder, 'package.json'))
    await symlink(join(checkout, 'node_modules'), join(folder, 'node_modules'))
    await mutate(join(folder, mutation.file), mutation)
    return { name: mutation.name, ...(await firstFinder(folder, seeds)) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function firstFinder(folder: string, seeds: number): Promise<Omit<Found, 'name'>> {
  for (let from = 1; from <= seeds;) {
    const told = await campaign(folder, from, seeds - from + 1)
    const [line = '', found] = /^seed (\d+): .*broken.*$/m.exec(told) ?? []
    if (found === undefined) return { seed: undefined, told: told.trim().split('\n').at(-1) ?? '' }
    const seed = Number(found)
    const sound = await simulate({ seed, hosts: 3, machines: 6, steps: 120, faults: faultsFrom('all') })
    if (sound.violation === undefined) return { seed, told: line }
    from = seed + 1
  }
  return { seed: undefined, told: 'every failing seed fails without it, too' }
}

async function mutate(file: string, { find, put, name }: Mutation) {
  const text = await readFile(file, 'utf8')
  if (text.split(find).length !== 2) throw new Error(`${name}: its place is not in ${file} exactly once`)
  await writeFile(
    file,
    text.replace(find, () => put),
  )
}

const campaign = (folder: string, from: number, seeds: number) =>
  new Promise<string>((resolve) => {
    const argv = [
      join(folder, 'src/bin/sim.ts'),
      '--seed',
      String(from),
      '--seeds',
      String(seeds),
      '--lines',
      '1',
      '--until-failure',
    ]
    execFile(process.execPath, argv, { cwd: folder, maxBuffer: 2 ** 26 }, (_, stdout, stderr) =>
      resolve(`${stdout}${stderr.slice(0, 2_000)}`),
    )
  })

async function main() {
  const wanted = process.argv.slice(2)
  const chosen = mutations.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
  for (const mutation of chosen) {
    const { seed, told } = await plant(mutation, 400)
    console.log(
      `${mutation.name.padEnd(20)} ${seed === undefined ? 'NOT FOUND' : `seed ${seed}`.padEnd(9)}  ${told.slice(0, 150)}`,
    )
    if (seed === undefined) process.exitCode = 1
  }
}

if (import.meta.main) await main()
