/** QEMU obeys the contract of live layers. */

import { obeysLayersContract } from '#drivers/hypervisor/contract-layers.ts'
import { layersWorld } from './layers-world.ts'

obeysLayersContract('QEMU', layersWorld)
