/**
 * Writes the description of a machine as other products read it: DMTF DSP0243 1.x (namespace envelope/1), in the order of
 * sections and elements that its schema asks for; CIM numbers of resource types. VMware's own words only where the
 * standard has none (firmware).
 */

import { xmlText, type XmlNode } from '#base/xml.ts'
import type { Appliance } from '#kinds/image/parts.ts'

export type OvfFile = { readonly name: string; readonly bytes: number; readonly capacityBytes: number }

const cim = 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2'
const namespaces = {
  xmlns: 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:cim': 'http://schemas.dmtf.org/wbem/wscim/1/common',
  'xmlns:ovf': 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:rasd': `${cim}/CIM_ResourceAllocationSettingData`,
  'xmlns:vmw': 'http://www.vmware.com/schema/ovf',
  'xmlns:vssd': `${cim}/CIM_VirtualSystemSettingData`,
  'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
}
const streamOptimized = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized'
const network = 'network'
/** Where disks and NICs begin to be counted; below are processors, memory and the controller. */
const [firstDisk, firstNic, controller] = [10, 100, 3]

const element = (
  name: string,
  children: readonly XmlNode[],
  attributes: XmlNode['attributes'] = {},
): XmlNode => ({
  name,
  attributes,
  children,
})
const leaf = (name: string, text: string | number): XmlNode => ({ name, text })

/** `rasd` elements in the order of their names, as the schema of CIM has them. */
const item = (fields: Readonly<Record<string, string | number>>): XmlNode =>
  element(
    'Item',
    Object.keys(fields)
      .toSorted()
      .map((name) => leaf(`rasd:${name}`, fields[name] ?? '')),
  )

export function ovfText(appliance: Appliance, files: readonly OvfFile[]): string {
  const root = element(
    'Envelope',
    [references(files), diskSection(files), networkSection(), virtualSystem(appliance, files)],
    namespaces,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xmlText(root)}`
}

const references = (files: readonly OvfFile[]) =>
  element(
    'References',
    files.map(({ name, bytes }, index) => ({
      name: 'File',
      attributes: { 'ovf:href': name, 'ovf:id': `file${index + 1}`, 'ovf:size': bytes },
    })),
  )

const diskSection = (files: readonly OvfFile[]) =>
  element('DiskSection', [
    leaf('Info', 'Virtual disks'),
    ...files.map(({ capacityBytes }, index) => ({
      name: 'Disk',
      attributes: {
        'ovf:capacity': capacityBytes,
        'ovf:capacityAllocationUnits': 'byte',
        'ovf:diskId': `disk${index + 1}`,
        'ovf:fileRef': `file${index + 1}`,
        'ovf:format': streamOptimized,
      },
    })),
  ])

const networkSection = () =>
  element('NetworkSection', [
    leaf('Info', 'Networks'),
    element('Network', [leaf('Description', 'The network of the machine')], { 'ovf:name': network }),
  ])

const virtualSystem = (appliance: Appliance, files: readonly OvfFile[]) =>
  element(
    'VirtualSystem',
    [
      leaf('Info', 'A virtual machine'),
      leaf('Name', appliance.name),
      ...(appliance.description === ''
        ? []
        : [
            element('AnnotationSection', [
              leaf('Info', 'Description'),
              leaf('Annotation', appliance.description),
            ]),
          ]),
      element(
        'OperatingSystemSection',
        [leaf('Info', 'Guest operating system'), leaf('Description', appliance.system || 'Other 64-bit')],
        { 'ovf:id': 102 },
      ),
      hardware(appliance, files),
    ],
    { 'ovf:id': appliance.name },
  )

function hardware(
  { name, cpus, memoryMib, firmware, nics, disks }: Appliance,
  files: readonly OvfFile[],
): XmlNode {
  const isIde = disks[0]?.bus === 'ide'
  return element('VirtualHardwareSection', [
    leaf('Info', 'Virtual hardware'),
    element('System', [
      leaf('vssd:ElementName', 'Virtual Hardware Family'),
      leaf('vssd:InstanceID', 0),
      leaf('vssd:VirtualSystemIdentifier', name),
      leaf('vssd:VirtualSystemType', 'vmx-13'),
    ]),
    item({
      AllocationUnits: 'hertz * 10^6',
      ElementName: `${cpus} virtual CPUs`,
      InstanceID: 1,
      ResourceType: 3,
      VirtualQuantity: cpus,
    }),
    item({
      AllocationUnits: 'byte * 2^20',
      ElementName: `${memoryMib} MiB of memory`,
      InstanceID: 2,
      ResourceType: 4,
      VirtualQuantity: memoryMib,
    }),
    isIde
      ? item({ Address: 0, ElementName: 'IDE controller', InstanceID: controller, ResourceType: 5 })
      : item({
          Address: 0,
          ElementName: 'SATA controller',
          InstanceID: controller,
          ResourceSubType: 'AHCI',
          ResourceType: 20,
        }),
    ...diskItems(files),
    ...nicItems(nics),
    ...(firmware === 'uefi'
      ? [
          {
            name: 'vmw:Config',
            attributes: { 'ovf:required': 'false', 'vmw:key': 'firmware', 'vmw:value': 'efi' },
          },
        ]
      : []),
  ])
}

const diskItems = (files: readonly OvfFile[]) =>
  files.map((_, index) =>
    item({
      AddressOnParent: index,
      ElementName: `Disk ${index + 1}`,
      HostResource: `ovf:/disk/disk${index + 1}`,
      InstanceID: firstDisk + index,
      Parent: controller,
      ResourceType: 17,
    }),
  )

const nicItems = (nics: Appliance['nics']) =>
  nics.map(({ model }, index) =>
    item({
      AutomaticAllocation: 'true',
      Connection: network,
      ElementName: `Network adapter ${index + 1}`,
      InstanceID: firstNic + index,
      ResourceSubType: models[model] ?? 'E1000',
      ResourceType: 10,
    }),
  )

/** What other products have as well; they have no virtio. */
const models: Readonly<Record<string, string>> = { e1000e: 'E1000e', vmxnet3: 'VmxNet3', rtl8139: 'PCNet32' }
