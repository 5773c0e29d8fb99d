/** The contract, obeyed by real QEMU. */

import { obeysHypervisorContract } from '#drivers/hypervisor/contract.ts'
import { liveWorld } from './hypervisor-world.ts'

obeysHypervisorContract('QEMU', liveWorld)
