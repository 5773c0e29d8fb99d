/** What a guest is told of itself at its first boot, by cloud-init's NoCloud (cloudinit.readthedocs.io). */

import { z } from 'zod'
import { limits } from '#model/limits.ts'

const names = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/)

export const FirstBootUser = z.strictObject({
  name: names.meta({ title: 'Name' }),
  sshKeys: z.array(z.string().max(16_384)).max(64).default([]).meta({ title: 'SSH keys' }),
  password: z.string().max(256).nullable().default(null).meta({
    title: 'Password',
    description: 'Plain or a crypt(5) hash; never shown again',
  }),
  isAdmin: z.boolean().default(true).meta({ title: 'Administrator', description: 'Whether sudo is allowed' }),
})

export const FirstBootFile = z.strictObject({
  path: z.string().max(1024).regex(/^\//).meta({ title: 'Path' }),
  content: z.string().max(limits.userDataChars).meta({ title: 'Content', description: 'Never shown again' }),
  mode: z
    .string()
    .regex(/^0?[0-7]{3,4}$/)
    .default('0644')
    .meta({ title: 'Mode' }),
})

export const FirstBoot = z.strictObject({
  hostname: z
    .string()
    .max(253)
    .nullable()
    .default(null)
    .meta({ title: 'Host name', description: "None: the machine's name" }),
  sshKeys: z
    .array(z.string().max(16_384))
    .max(64)
    .default([])
    .meta({ title: 'SSH keys', description: "For the image's own user" }),
  password: z.string().max(256).nullable().default(null).meta({
    title: 'Password',
    description: "Of the image's own user; plain or a crypt(5) hash; never shown again",
  }),
  users: z.array(FirstBootUser).max(64).default([]).meta({ title: 'Users' }),
  packages: z.array(z.string().max(200)).max(256).default([]).meta({ title: 'Packages' }),
  files: z.array(FirstBootFile).max(64).default([]).meta({ title: 'Files' }),
  commands: z
    .array(z.string().max(8192))
    .max(64)
    .default([])
    .meta({ title: 'Commands', description: 'Run once, at the end, by a shell in the guest' }),
  timezone: z.string().max(64).nullable().default(null).meta({ title: 'Time zone' }),
  userData: z.string().max(limits.userDataChars).nullable().default(null).meta({
    title: 'User data',
    description:
      'A cloud-config (or another type that cloud-init takes) merged over the rest; never shown again',
  }),
  vendorData: z
    .string()
    .max(limits.userDataChars)
    .nullable()
    .default(null)
    .meta({ title: 'Vendor data', description: 'Never shown again' }),
  networkConfig: z.string().max(limits.userDataChars).nullable().default(null).meta({
    title: 'Network',
    description: "A network-config version 2; none: made from the machine's NICs",
  }),
})
export type FirstBoot = z.output<typeof FirstBoot>

/** Fields of `firstBoot` that are written and never read again. */
export const firstBootSecrets = [
  'password',
  'users.[].password',
  'files.[].content',
  'userData',
  'vendorData',
] as const
