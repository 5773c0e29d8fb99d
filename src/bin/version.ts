/** Which Decant this is. */

import { readFileSync } from 'node:fs'

const paper = new URL('../../package.json', import.meta.url)

export const version = (JSON.parse(readFileSync(paper, 'utf8')) as { version: string }).version
