/** Unix sockets in a run folder, however long its path: the kernel takes 107 bytes, so we go by descriptor. */

import { closeSync, constants, openSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

/** One attempt to connect. Rejects with the system's error. */
export async function connectIn(folder: string, name: string): Promise<Socket> {
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return await connected(`/proc/self/fd/${descriptor}/${name}`)
  } finally {
    closeSync(descriptor)
  }
}

const connected = (path: string) =>
  new Promise<Socket>((done, fail) => {
    const socket = connect(path)
    socket.once('error', fail)
    socket.once('connect', () => {
      socket.removeListener('error', fail)
      done(socket)
    })
  })
