/** Well-known cloud images: where their makers keep them, where the checksum stands, who signs in. Pure data. */

import type { ImageSpec } from './schema.ts'

type Firmware = 'bios' | 'uefi'
type Architecture = 'x86_64' | 'aarch64'

type Place = {
  readonly url: string
  /** A file of checksums, or one that holds nothing but the checksum of this content; null: its makers give none. */
  readonly checksumUrl: string | null
  readonly firmware: readonly Firmware[]
}

export type CatalogueEntry = {
  readonly name: string
  readonly title: string
  readonly defaultUser: string
  readonly places: Partial<Readonly<Record<Architecture, Place>>>
  /** What a person has to bring or do besides. */
  readonly note: string
}

const both: readonly Firmware[] = ['bios', 'uefi']
const uefi: readonly Firmware[] = ['uefi']

const debian = (release: string, version: string): CatalogueEntry => {
  const folder = `https://cloud.debian.org/images/cloud/${release}/latest`
  const place = (machine: string, firmware: readonly Firmware[]) => ({
    url: `${folder}/debian-${version}-genericcloud-${machine}.qcow2`,
    checksumUrl: `${folder}/SHA512SUMS`,
    firmware,
  })
  return {
    name: `debian-${version}`,
    title: `Debian ${version} (${release})`,
    defaultUser: 'debian',
    places: { x86_64: place('amd64', both), aarch64: place('arm64', uefi) },
    note: '',
  }
}

const ubuntu = (release: string, version: string): CatalogueEntry => {
  const folder = `https://cloud-images.ubuntu.com/${release}/current`
  const place = (machine: string, firmware: readonly Firmware[]) => ({
    url: `${folder}/${release}-server-cloudimg-${machine}.img`,
    checksumUrl: `${folder}/SHA256SUMS`,
    firmware,
  })
  return {
    name: `ubuntu-${version}`,
    title: `Ubuntu ${version} LTS`,
    defaultUser: 'ubuntu',
    places: { x86_64: place('amd64', both), aarch64: place('arm64', uefi) },
    note: '',
  }
}

const machines: readonly Architecture[] = ['x86_64', 'aarch64']

/** Distributions that name their files by the architecture as we do. */
const placed = (place: (architecture: Architecture) => Omit<Place, 'firmware'>) =>
  Object.fromEntries(
    machines.map((one) => [one, { ...place(one), firmware: one === 'x86_64' ? both : uefi }]),
  ) as CatalogueEntry['places']

export const catalogue: readonly CatalogueEntry[] = [
  debian('bookworm', '12'),
  debian('trixie', '13'),
  ubuntu('jammy', '22.04'),
  ubuntu('noble', '24.04'),
  {
    name: 'alma-9',
    title: 'AlmaLinux 9',
    defaultUser: 'almalinux',
    places: placed((machine) => {
      const folder = `https://repo.almalinux.org/almalinux/9/cloud/${machine}/images`
      return {
        url: `${folder}/AlmaLinux-9-GenericCloud-latest.${machine}.qcow2`,
        checksumUrl: `${folder}/CHECKSUM`,
      }
    }),
    note: '',
  },
  {
    name: 'rocky-9',
    title: 'Rocky Linux 9',
    defaultUser: 'rocky',
    places: placed((machine) => {
      const url = `https://dl.rockylinux.org/pub/rocky/9/images/${machine}/Rocky-9-GenericCloud-Base.latest.${machine}.qcow2`
      return { url, checksumUrl: `${url}.CHECKSUM` }
    }),
    note: '',
  },
  {
    name: 'fedora-42',
    title: 'Fedora Cloud 42',
    defaultUser: 'fedora',
    places: placed((machine) => {
      const folder = `https://download.fedoraproject.org/pub/fedora/linux/releases/42/Cloud/${machine}/images`
      return {
        url: `${folder}/Fedora-Cloud-Base-Generic-42-1.1.${machine}.qcow2`,
        checksumUrl: `${folder}/Fedora-Cloud-42-1.1-${machine}-CHECKSUM`,
      }
    }),
    note: '',
  },
  {
    name: 'opensuse-leap-15.6',
    title: 'openSUSE Leap 15.6',
    defaultUser: 'opensuse',
    places: placed((machine) => {
      const url = `https://download.opensuse.org/distribution/leap/15.6/appliances/openSUSE-Leap-15.6-Minimal-VM.${machine}-Cloud.qcow2`
      return { url, checksumUrl: `${url}.sha256` }
    }),
    note: '',
  },
  {
    name: 'alpine-3.22',
    title: 'Alpine Linux 3.22',
    defaultUser: 'alpine',
    places: Object.fromEntries(
      machines.map((machine) => {
        const firmware: Firmware = machine === 'x86_64' ? 'bios' : 'uefi'
        const url = `https://dl-cdn.alpinelinux.org/alpine/v3.22/releases/cloud/generic_alpine-3.22.0-${machine}-${firmware}-cloudinit-r0.qcow2`
        return [machine, { url, checksumUrl: `${url}.sha512`, firmware: [firmware] }]
      }),
    ),
    note: '',
  },
  {
    name: 'virtio-win',
    title: 'Drivers of virtio devices for Windows',
    defaultUser: '',
    places: {
      x86_64: {
        url: 'https://fedorapeople.org/groups/virt/virtio-win/direct-downloads/stable-virtio/virtio-win.iso',
        checksumUrl: null,
        firmware: [],
      },
    },
    note: 'A CD to insert while Windows is installed from its own ISO',
  },
  {
    name: 'windows',
    title: 'Windows (own ISO)',
    defaultUser: 'Administrator',
    places: {},
    note: 'Import your own ISO, and virtio-win for the drivers; install with both in CD drives',
  },
]

export const entryNamed = (name: string | null): CatalogueEntry | undefined =>
  catalogue.find((entry) => entry.name === name)

/** Where a content is fetched from and what it must hash to. */
export type Origin = Pick<ImageSpec, 'checksumUrl'> & {
  readonly url: string
  readonly sha256?: string | undefined
  readonly sha512?: string | undefined
}

const architectureOf = (spec: ImageSpec, own: Architecture): Architecture =>
  spec.architecture === 'any' ? own : spec.architecture

/** The place of a catalogue entry for the wished architecture, or for the host's own. */
export const placeOf = (spec: ImageSpec, own: Architecture): Place | undefined =>
  entryNamed(spec.catalogue)?.places[architectureOf(spec, own)]

/** What a person says goes before what the catalogue says. */
export function originOf(spec: ImageSpec, own: Architecture): Origin | undefined {
  const place = placeOf(spec, own)
  const url = spec.url ?? place?.url
  if (url === undefined) return undefined
  const isStated = spec.sha256 !== undefined || spec.sha512 !== undefined || spec.checksumUrl !== null
  const checksumUrl = isStated ? spec.checksumUrl : spec.url === null ? (place?.checksumUrl ?? null) : null
  return { url, checksumUrl, sha256: spec.sha256, sha512: spec.sha512 }
}
