/** What Decant itself tells cloud-init is what cloud-init takes; what people write is judged before anything is made. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assert as check,
  array,
  boolean,
  constantFrom,
  option,
  property,
  record,
  string,
  stringMatching,
} from 'fast-check'
import { cloudConfigOf, identityConfig, networkConfigOf } from '#drivers/seed/nocloud/config.ts'
import { configText } from '#drivers/seed/nocloud/user-data.ts'
import { networkConfigFault, userDataFault } from '#engines/first-boot/validate.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { FirstBoot } from '#kinds/machine/first-boot.ts'
import { bench, call } from '../api/desk.ts'

const name = stringMatching(/^[a-z_][a-z0-9_-]{0,8}$/)
const some = { maxLength: 3 }
const wish = record({
  sshKeys: array(string(), some),
  password: option(string()),
  users: array(
    record({ name, sshKeys: array(string(), some), password: option(string()), isAdmin: boolean() }),
    some,
  ),
  packages: array(stringMatching(/^[a-z][a-z0-9+.-]{1,9}$/), some),
  files: array(
    record({ path: stringMatching(/^\/[a-z]{1,9}$/), content: string(), mode: constantFrom('0644', '600') }),
    some,
  ),
  commands: array(string({ minLength: 1 }), some),
  timezone: option(constantFrom('Asia/Seoul', 'UTC')),
})

test("whatever the fields hold, cloud-init's own schema takes what is made of them", () => {
  check(
    property(wish, (fields) => {
      const config = cloudConfigOf(FirstBoot.parse(fields))
      if (config !== undefined) assert.equal(userDataFault(configText(config)), undefined)
    }),
    { numRuns: 300 },
  )
})

test('and of what gives a clone an identity of its own', () => {
  assert.equal(userDataFault(configText(identityConfig)), undefined)
})

test('and of any NICs', () => {
  const nic = record({
    id: stringMatching(/^net[0-9]{1,2}$/),
    mac: stringMatching(/^52:54:00(:[0-9a-f]{2}){3}$/),
    address6: option(constantFrom('fd00::2')),
    mtu: constantFrom(1500, 1400, 9000),
  })
  check(
    property(array(nic, { minLength: 1, maxLength: 8 }), (nics) => {
      const config = networkConfigOf({ nics } as unknown as GuestSpec)
      assert.equal(networkConfigFault(JSON.stringify(config)), undefined)
    }),
  )
})

test('bad user data is refused with its line, and nothing is made of it; nothing of it is said again', async (t) => {
  const made = await bench()
  t.after(() => made.close())
  const create = (firstBoot: object) =>
    call(made.api, '/api/v1/machines', { body: { name: 'web', spec: { firstBoot } } })
  const refused = await create({ userData: '#cloud-config\npassword: tamarind\npasword: tamarind\n' })
  assert.equal(refused.status, 422)
  assert.equal(refused.at('field'), 'spec.firstBoot.userData')
  assert.match(refused.text, /line 3, at pasword: cloud-init knows no such key/)
  assert.doesNotMatch(refused.text + made.logged.join(), /tamarind/)
  assert.equal((await create({ vendorData: 'nonsense' })).at('field'), 'spec.firstBoot.vendorData')
  assert.equal((await create({ networkConfig: 'version: 3' })).at('field'), 'spec.firstBoot.networkConfig')
  const message = 'Content-Type: multipart/mixed; boundary="x"\n\n--x--\n'
  assert.match((await create({ userData: message, packages: ['nginx'] })).text, /message of parts/)
  assert.equal((await call(made.api, '/api/v1/machines/web')).status, 404)
  assert.equal((await create({ userData: '#!/bin/sh\necho hi\n', packages: ['nginx'] })).status, 201)
})
