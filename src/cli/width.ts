/** How many columns of a terminal a text takes: Korean, Chinese, Japanese and emoji take two. */

import { inert } from '#base/text.ts'

// Unicode 16, EastAsianWidth.txt: the blocks whose characters are W or F.
const wide =
  /[\u1100-\u115f\u231a\u231b\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1aff0}-\u{1b2fb}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
// Marks on the letter before them, jamo that complete a syllable, joiners.
const empty = /^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7fb]$/u
const isPlain = (text: string) => /^[\u0020-\u007e]*$/.test(text)

let segmenter: Intl.Segmenter | undefined

const clusters = (text: string) => {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}

function clusterWidth(cluster: string): number {
  if (cluster.includes('\ufe0f') || wide.test(cluster)) return 2
  return empty.test(cluster) ? 0 : 1
}

export const widthOf = (text: string): number =>
  isPlain(text) ? text.length : clusters(text).reduce((sum, cluster) => sum + clusterWidth(cluster), 0)

/** Fills with spaces up to `width` columns; a longer text stays whole. */
export const padded = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** At most `width` columns, the rest replaced by an ellipsis. */
export function cropped(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let [kept, used] = ['', 0]
  for (const cluster of clusters(text)) {
    used += clusterWidth(cluster)
    if (used > width - 1) break
    kept += cluster
  }
  return `${kept}…`
}

/** A stranger's text on one line, unable to move the cursor. */
export const oneLine = (text: string) => inert(text.replaceAll(/\r?\n|\t/g, ' '))
