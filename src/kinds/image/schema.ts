/** An image: an immutable disk content, or kernel with disk, from which machines are made. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { reason } from '#model/plan.ts'
import { Progress } from '#model/progress.ts'
import { Appliance } from './parts.ts'

/** A Debian that is put together on the host. */
export const Build = z.strictObject({
  distribution: z
    .enum(['debian-12', 'debian-13'])
    .default('debian-12')
    .meta({ title: 'Distribution', description: 'What is built' }),
  packages: z
    // apt takes a name that ends in `-` for one to remove.
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]{0,98}[a-z0-9+.]$/))
    .max(256)
    .default([])
    .meta({ title: 'Packages', description: 'Debian packages besides cloud-init, guest agent and ssh' }),
  sizeMib: z
    .int()
    .min(512)
    .max(1024 * 1024)
    .default(2048)
    .meta({ title: 'Size', description: 'Size of the disk', unit: 'MiB' }),
})

export const image = defineKind({
  name: 'image',
  plural: 'images',
  title: { en: 'Image', ko: '이미지' },
  summary: 'An immutable disk content from which machines are made',
  scope: 'project',
  version: 2,
  access: { read: 'viewer', write: 'operator' },
  spec: z.strictObject({
    source: z.enum(['upload', 'url', 'path', 'build', 'volume', 'starter']).default('upload').meta({
      title: 'Source',
      description:
        "Where its content comes from: `upload`: sent by PUT; `url`: fetched; `path`: a file on the host; `build`: a Debian built here; `volume`: a copy of a volume; `starter`: Debian's kernel and busybox",
    }),
    catalogue: z
      .string()
      .max(63)
      .nullable()
      .default(null)
      .meta({ title: 'Catalogue', description: 'Name in the catalogue, which gives address and checksum' }),
    url: z
      .string()
      .max(2048)
      .nullable()
      .default(null)
      .meta({ title: 'Address', description: 'https or http address to fetch from' }),
    path: z
      .string()
      .max(1024)
      .nullable()
      .default(null)
      .meta({ title: 'Path', description: 'Absolute file below a folder that the host allows' }),
    volume: z
      .string()
      .max(127)
      .nullable()
      .default(null)
      .meta({ title: 'Volume', description: 'Name of the volume whose content is copied' }),
    build: Build.nullable()
      .default(null)
      .meta({ title: 'Build', description: 'What a built image is made of' }),
    member: z
      .string()
      .max(255)
      .nullable()
      .default(null)
      .meta({ title: 'Member', description: 'Which disk of an archive (OVA); absent: the first' }),
    format: z
      .enum(['auto', 'qcow2', 'raw', 'vmdk', 'vdi', 'vpc', 'vhdx', 'iso', 'ova'])
      .default('auto')
      .meta({ title: 'Format', description: 'Format of the content; `auto` reads its header' }),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .meta({ title: 'SHA-256', description: 'What the content, as it comes, must hash to' }),
    sha512: z
      .string()
      .regex(/^[0-9a-f]{128}$/)
      .optional()
      .meta({ title: 'SHA-512', description: 'What the content, as it comes, must hash to' }),
    checksumUrl: z.string().max(2048).nullable().default(null).meta({
      title: 'Checksum address',
      description: 'A SHA256SUMS or SHA512SUMS file that names the content',
    }),
    datastore: z.string().max(63).default('local').meta({ title: 'Datastore', description: 'Where it lies' }),
    architecture: z.enum(['x86_64', 'aarch64', 'any']).default('any').meta({ title: 'Architecture' }),
    isShared: z
      .boolean()
      .default(false)
      .meta({ title: 'Shared', description: 'Whether every project may use it' }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z
      .enum(['pending', 'waiting', 'uploading', 'building', 'ready', 'failed', 'gone'])
      .default('pending'),
    progress: Progress.nullable().default(null),
    /** Size of the disk that a guest sees, in bytes. */
    virtualBytes: z.number().default(0),
    /** Bytes that it takes in the datastore. */
    storedBytes: z.number().default(0),
    sha256: z.string().max(64).default(''),
    format: z.string().max(16).default(''),
    /** What the content was before it was made ours, such as `vmdk` or `xz qcow2`. */
    cameAs: z.string().max(64).default(''),
    /** How much of an upload or download is here, and how much it will be. */
    receivedBytes: z.number().default(0),
    expectedBytes: z.number().nullable().default(null),
    /** A disk, or a read-only medium for a CD drive. */
    medium: z.enum(['disk', 'cdrom']).default('disk'),
    /** What the firmware may be; empty: not known. */
    firmware: z
      .array(z.enum(['bios', 'uefi']))
      .max(2)
      .default([]),
    /** Who signs in, where the image's makers say so. */
    defaultUser: z.string().max(32).default(''),
    /** Whether the host loads its kernel (starter) or the firmware boots its disk. */
    boot: z.enum(['disk', 'kernel']).default('disk'),
    commandLine: z.string().max(1024).default(''),
    architecture: z.string().max(16).default(''),
    /** The machine that an archive (OVA) describes; null: the content was no archive. */
    appliance: Appliance.nullable().default(null),
  }),
  fixed: [
    'source',
    'catalogue',
    'url',
    'path',
    'volume',
    'build',
    'member',
    'datastore',
    'sha256',
    'sha512',
    'checksumUrl',
    'format',
  ],
  references: { datastore: 'datastore', volume: 'volume' },
  deletion: 'planned',
  columns: [
    { title: { en: 'State', ko: '상태' }, path: 'status.state' },
    { title: { en: 'Size', ko: '크기' }, path: 'status.virtualBytes', as: 'bytes' },
    { title: { en: 'Datastore', ko: '데이터스토어' }, path: 'spec.datastore' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: ({ status }) => status.state === 'ready',
  hasFailed: ({ status }) =>
    status.state === 'failed' ? (status.holds[0] ?? reason('image/failed', { why: '?' })) : undefined,
})

/** Where the content comes from; a wish that names an address, a path or a volume need not say so twice. */
export function sourceOf(spec: ImageSpec): ImageSpec['source'] {
  if (spec.source !== 'upload') return spec.source
  if (spec.url !== null || spec.catalogue !== null) return 'url'
  if (spec.path !== null) return 'path'
  if (spec.volume !== null) return 'volume'
  return spec.build === null ? 'upload' : 'build'
}

export type ImageSpec = z.output<typeof image.spec>
export type ImageStatus = z.output<typeof image.status>
export type ImageDocument = Document<ImageSpec, ImageStatus>
