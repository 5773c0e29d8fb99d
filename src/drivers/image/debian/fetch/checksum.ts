/** Finds the checksum of a file in a file of checksums, in any of the forms that distributions use. */

export type Checksum = { readonly sha256?: string; readonly sha512?: string }

const kinds: Readonly<Record<number, keyof Checksum>> = { 64: 'sha256', 128: 'sha512' }

/** `name`: last part of the content's address. Nothing when the file does not name it. */
export function checksumIn(text: string, name: string): Checksum | undefined {
  const wanted = decoded(name)
  const lines = text.split(/\r?\n/)
  const pairs = lines.map((line) => pairFrom(line.trim())).filter((pair) => pair !== undefined)
  // A file of one line may call the content by the name that a link leads to: openSUSE.
  const found = pairs.find((pair) => pair.name === wanted) ?? (pairs.length === 1 ? pairs[0] : undefined)
  // A file that holds nothing but the checksum.
  const alone = found === undefined ? lonely(lines) : undefined
  const hex = (found?.hex ?? alone)?.toLowerCase() ?? ''
  const kind = kinds[hex.length]
  return kind === undefined ? undefined : { [kind]: hex }
}

function pairFrom(line: string): { readonly name: string; readonly hex: string } | undefined {
  // GNU: `hex  name`, `hex *name`; BSD: `SHA256 (name) = hex`.
  const gnu = /^([0-9a-f]{64}|[0-9a-f]{128})\s+\*?(?:\.\/)?(\S.*)$/i.exec(line)
  if (gnu !== null) return { hex: gnu[1] ?? '', name: lastPart(gnu[2] ?? '') }
  const bsd = /^SHA(?:256|512)\s?\(([^)]+)\)\s?=\s?([0-9a-f]{64}|[0-9a-f]{128})$/i.exec(line)
  return bsd === null ? undefined : { hex: bsd[2] ?? '', name: lastPart(bsd[1] ?? '') }
}

function lonely(lines: readonly string[]): string | undefined {
  const filled = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  const [only = ''] = filled
  return filled.length === 1 && /^([0-9a-f]{64}|[0-9a-f]{128})$/i.test(only) ? only : undefined
}

const lastPart = (path: string) => path.split('/').at(-1) ?? ''

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
