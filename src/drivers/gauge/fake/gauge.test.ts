import { realClock } from '#drivers/clock/real/clock.ts'
import { obeysGaugeContract } from '../contract.ts'
import { fakeGauge } from './gauge.ts'

obeysGaugeContract('fake', () => ({
  gauge: fakeGauge(realClock, { cpus: 2, memoryMib: 1024 }),
  pass: () => realClock.sleep(5),
}))
