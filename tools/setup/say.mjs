/**
 * What the start-up scripts tell people. Plain JavaScript: it runs on Node 18 before anything is installed.
 */

const isTerminal = process.stdout.isTTY === true

/** @param {string} line */
export const say = (line) => void process.stdout.write(`${line}\n`)

/** @param {number} sinceMs */
const elapsed = (sinceMs) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`

/**
 * Says what is being done, how far it is, and how long it took. On a terminal the line is rewritten; in
 * a pipe each tenth of the way is a line.
 *
 * @template T
 * @param {string} what
 * @param {(progress: (percent: number, detail: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function during(what, work) {
  const sinceMs = performance.now()
  let tenth = -1
  say(`${what} …`)
  const result = await work((percent, detail) => {
    const now = Math.floor(percent / 10)
    if (isTerminal) process.stdout.write(`\r\u001b[K  ${Math.round(percent)} % ${detail.slice(0, 60)}`)
    else if (now > tenth) say(`  ${Math.round(percent)} % ${detail}`)
    tenth = Math.max(tenth, now)
  })
  if (isTerminal && tenth >= 0) process.stdout.write('\r\u001b[K')
  say(`  done in ${elapsed(sinceMs)}`)
  return result
}

/** A failure that people can mend: what is wrong, and what to do about it. */
export class Failure extends Error {
  /**
   * @param {string} message
   * @param {string} advice
   */
  constructor(message, advice) {
    super(message)
    this.advice = advice
  }
}

/**
 * Runs a script's main function; a failure is told in the form of all problems and ends with exit code 1.
 *
 * @param {() => Promise<number>} main Gives the exit code.
 */
export async function honestly(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    process.stderr.write(`${error.message}\n${error.advice}\n`)
    process.exitCode = 1
  }
}
