/** The lifts of every kind that ever changed its stored form. Adding one: `<kind>/history.ts` and a line here. */

import type { Lifts } from '#model/history.ts'
import { datastoreLifts } from './datastore/history.ts'
import { guestLifts } from './guest/history.ts'
import { hostLifts } from './host/history.ts'
import { imageLifts } from './image/history.ts'
import { machineLifts } from './machine/history.ts'
import { networkLifts } from './network/history.ts'
import { volumeLifts } from './volume/history.ts'

export const histories: Readonly<Record<string, Lifts>> = {
  datastore: datastoreLifts,
  guest: guestLifts,
  host: hostLifts,
  image: imageLifts,
  machine: machineLifts,
  network: networkLifts,
  volume: volumeLifts,
}
