/** The lifts of every kind that ever changed its stored form. Adding one: `<kind>/history.ts` and a line here. */

import type { Lifts } from '#model/history.ts'

/** No kind has changed its stored form yet. */
export const histories: Readonly<Record<string, Lifts>> = {}
