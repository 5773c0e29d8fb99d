import { FakeDatastore } from './datastore.ts'
import { newFakeDisk, shown, volumeIn } from './disk.ts'
import { obeysLayersContract } from '../contract-layers.ts'

const partsOf = (file: string) => {
  const [, volume = '', node = ''] = /volumes\/([^/]+)\/([^/]+)\.\w+$/.exec(file) ?? []
  return { volume, node }
}

obeysLayersContract('fake', async () => {
  const disk = newFakeDisk()
  const datastore = new FakeDatastore(disk)
  return {
    datastore,
    reopen: async () => new FakeDatastore(disk),
    write: async ({ file }, block, value) => {
      const { volume, node } = partsOf(file)
      volumeIn(disk, volume)?.blocks.get(node)?.set(block, value)
    },
    read: async ({ file }, blocks) => {
      const { volume, node } = partsOf(file)
      return Array.from({ length: blocks }, (_, at) => shown(disk, volume, node, at))
    },
    keep: async (file) => void disk.memories.set(file, 9),
    has: async (file) => {
      const { volume, node } = partsOf(file)
      return volumeIn(disk, volume)?.strata.nodes[node] !== undefined
    },
    dispose: async () => undefined,
  }
})
