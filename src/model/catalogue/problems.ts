/** The catalogue of problems: every error that people and programs meet, by code. */

import { guestsProblems } from './problems/guests.ts'
import { hostsProblems } from './problems/hosts.ts'
import { networksProblems } from './problems/networks.ts'
import { objectsProblems } from './problems/objects.ts'
import { peopleProblems } from './problems/people.ts'
import { programsProblems } from './problems/programs.ts'
import { requestsProblems } from './problems/requests.ts'
import { storeProblems } from './problems/store.ts'
import type { Entry } from './problems/entry.ts'

export type { Entry } from './problems/entry.ts'

export const problems = {
  ...requestsProblems,
  ...peopleProblems,
  ...networksProblems,
  ...objectsProblems,
  ...storeProblems,
  ...hostsProblems,
  ...guestsProblems,
  ...programsProblems,
} as const satisfies Record<string, Entry>

export type ProblemCode = keyof typeof problems
