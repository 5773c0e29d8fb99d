/**
 * A small ISO 9660 file system with Joliet names (ECMA-119; Joliet specification), written whole in memory: a few
 * files in the root, always the same bytes for the same files.
 *
 *     sector 16 primary volume · 17 Joliet volume · 18 end · 19–22 path tables · 23 root · 24 Joliet root · files
 */

const sector = 2048
const firstFile = 25

export type IsoFile = { readonly name: string; readonly bytes: Uint8Array }

/** `volume`: at most 16 characters. Names: ASCII, at most 30. Fewer files than one sector lists (about 30). */
export function isoOf(volume: string, files: readonly IsoFile[]): Uint8Array {
  const placed = place(files)
  const sectors = firstFile + placed.reduce((sum, { count }) => sum + count, 0)
  const image = Buffer.alloc(sectors * sector)
  const plain: Naming = { text: (name) => Buffer.from(name, 'latin1'), root: 23, tables: [19, 20] }
  const joliet: Naming = { text: wide, root: 24, tables: [21, 22] }
  descriptor(volume, sectors, plain).copy(image, 16 * sector)
  descriptor(volume, sectors, joliet).copy(image, 17 * sector)
  Buffer.concat([Buffer.from([255]), Buffer.from('CD001'), Buffer.from([1])]).copy(image, 18 * sector)
  for (const naming of [plain, joliet]) {
    pathTable(naming.root, 'little').copy(image, naming.tables[0] * sector)
    pathTable(naming.root, 'big').copy(image, naming.tables[1] * sector)
    folder(placed, naming).copy(image, naming.root * sector)
  }
  for (const { bytes, at } of placed) Buffer.from(bytes).copy(image, at * sector)
  return image
}

type Placed = IsoFile & { readonly at: number; readonly count: number }
type Naming = {
  readonly text: (name: string) => Buffer
  /** Sectors of the root folder and of the path table in both byte orders. */
  readonly root: number
  readonly tables: readonly [number, number]
}

function place(files: readonly IsoFile[]): Placed[] {
  let at = firstFile
  return files
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((file) => {
      const count = Math.max(1, Math.ceil(file.bytes.length / sector))
      const placed = { ...file, at, count }
      at += count
      return placed
    })
}

/** UCS-2, most significant byte first. */
const wide = (text: string) => Buffer.from(text, 'utf16le').swap16()

/** A number in both byte orders. */
function both32(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(value, 0)
  bytes.writeUInt32BE(value, 4)
  return bytes
}

function both16(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16LE(value, 0)
  bytes.writeUInt16BE(value, 2)
  return bytes
}

/** ECMA-119 §8.4; times are not given, so that the bytes depend on the files alone. */
function descriptor(volume: string, sectors: number, naming: Naming): Buffer {
  const isJoliet = naming.root === 24
  const text = (value: string, bytes: number) => {
    const blank = isJoliet ? wide(' '.repeat(bytes / 2)) : Buffer.alloc(bytes, ' ')
    naming.text(value).copy(blank)
    return blank
  }
  const bytes = Buffer.alloc(sector)
  bytes[0] = isJoliet ? 2 : 1
  bytes.write('CD001', 1, 'latin1')
  bytes[6] = 1
  text('', 32).copy(bytes, 8)
  text(volume, 32).copy(bytes, 40)
  both32(sectors).copy(bytes, 80)
  if (isJoliet) bytes.write('%/E', 88, 'latin1')
  both16(1).copy(bytes, 120)
  both16(1).copy(bytes, 124)
  both16(sector).copy(bytes, 128)
  both32(pathTableBytes).copy(bytes, 132)
  bytes.writeUInt32LE(naming.tables[0], 140)
  bytes.writeUInt32BE(naming.tables[1], 148)
  entry(Buffer.from([0]), naming.root, sector, true).copy(bytes, 156)
  for (const [at, length] of [
    [190, 128],
    [318, 128],
    [446, 128],
    [574, 128],
    [702, 36],
    [740, 36],
    [776, 36],
  ] as const)
    text('', length).copy(bytes, at)
  for (const at of [813, 830, 847, 864]) bytes.write('0'.repeat(16), at, 'latin1')
  bytes[881] = 1
  return bytes
}

const pathTableBytes = 10

/** ECMA-119 §9.4: the root alone. */
function pathTable(root: number, order: 'little' | 'big'): Buffer {
  const bytes = Buffer.alloc(pathTableBytes)
  bytes[0] = 1
  if (order === 'little') {
    bytes.writeUInt32LE(root, 2)
    bytes.writeUInt16LE(1, 6)
  } else {
    bytes.writeUInt32BE(root, 2)
    bytes.writeUInt16BE(1, 6)
  }
  return bytes
}

/** ECMA-119 §9.1. */
function entry(name: Buffer, at: number, bytes: number, isFolder: boolean): Buffer {
  const length = 33 + name.length + (name.length % 2 === 0 ? 1 : 0)
  const record = Buffer.alloc(length)
  record[0] = length
  both32(at).copy(record, 2)
  both32(bytes).copy(record, 10)
  // A date is needed; 1980 is the oldest that every reader takes.
  Buffer.from([80, 1, 1, 0, 0, 0, 0]).copy(record, 18)
  record[25] = isFolder ? 2 : 0
  both16(1).copy(record, 28)
  record[32] = name.length
  name.copy(record, 33)
  return record
}

function folder(files: readonly Placed[], { text, root }: Naming): Buffer {
  const here = [Buffer.from([0]), Buffer.from([1])].map((name) => entry(name, root, sector, true))
  const within = files.map(({ name, at, bytes }) => entry(text(name), at, bytes.length, false))
  const listed = Buffer.concat([...here, ...within])
  if (listed.length > sector) throw new RangeError('too many files for one sector')
  return Buffer.concat([listed], sector)
}
