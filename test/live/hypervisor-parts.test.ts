/** Live changes of a real guest's parts: the contract, as a guest of its own user in its jail. */

import { obeysPartsContract } from '#drivers/hypervisor/contract-parts.ts'
import { partsWorld } from './hypervisor-parts.ts'

obeysPartsContract('QEMU', () => partsWorld())
