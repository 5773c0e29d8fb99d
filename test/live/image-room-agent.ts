/** A program that runs something long in the room and is killed over it: `node … WORK PACKAGES`. */

import { runIn } from '#drivers/image/debian/build/room.ts'

const [, , work = '', packages = ''] = process.argv
const task = { tool: 'sh', package: 'dash', timeoutMs: 60_000, fileBytes: 1_000 }
const room = { work, packages, signal: new AbortController().signal, environment: {} }
await runIn(room, {
  ...task,
  argv: ['-ec', 'echo begun >&2; sleep 62; true'],
  onLine: (line) => console.log(line),
})
