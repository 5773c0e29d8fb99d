/** Reasons around a machine's parts, shape, clones and reverts. */

import type { Sentence } from '../../sentence.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

export const machinesReasons = {
  'machine/parts-leaving': s(
    'The guest may still have {parts}; nobody else is given it until its host says that it has let go',
    '게스트가 {parts}을(를) 아직 쓰고 있을 수 있습니다. 호스트가 놓았다고 알릴 때까지 다른 곳에 주지 않습니다',
  ),
  'machine/parts-crowded': s(
    'The guest may still have so much of former wishes that it is told of no other disks and NICs for now',
    '게스트가 이전 설정의 장치를 너무 많이 가지고 있어 지금은 다른 디스크나 NIC를 전하지 않습니다',
  ),
  'machine/snapshot-missing': s(
    'Snapshot {snapshot} is not there or not ready',
    '스냅샷 {snapshot}이(가) 없거나 준비되지 않았습니다',
  ),
  'machine/snapshot-not-ready': s(
    'Snapshot {snapshot} is being taken',
    '스냅샷 {snapshot}을(를) 만드는 중입니다',
  ),
  'machine/snapshot-failed': s('Snapshot {snapshot} failed', '스냅샷 {snapshot}이(가) 실패했습니다'),
  'machine/snapshot-leaving': s(
    'Snapshot {snapshot} is being deleted',
    '스냅샷 {snapshot}을(를) 삭제하는 중입니다',
  ),
  'machine/reverting': s(
    'Its disks go back to snapshot {snapshot}',
    '디스크를 스냅샷 {snapshot}(으)로 되돌리는 중입니다',
  ),
  'machine/body-ending': s(
    'The guest is ended before its disks go back',
    '디스크를 되돌리기 전에 게스트를 끝내는 중입니다',
  ),
  'placement/network': s(
    'the host cannot carry networks of driver {driver}',
    '호스트가 {driver} 드라이버 네트워크를 지원하지 않습니다',
  ),
  'placement/cpu-model': s(
    'the host cannot run CPU model {model}',
    '호스트에서 CPU 모델 {model}을(를) 쓸 수 없습니다',
  ),
  'placement/huge-pages': s(
    'huge pages of {size}: {hasMib} MiB there, {neededMib} needed',
    '{size} 휴지 페이지: {hasMib} MiB 있음, {neededMib} 필요',
  ),
  'placement/numa': s('{has} NUMA nodes there, {needed} needed', 'NUMA 노드 {has}개 있음, {needed}개 필요'),
  'placement/device': s(
    'the host does not give away device {device}',
    '호스트가 장치 {device}을(를) 내주지 않습니다',
  ),
  'placement/share': s(
    'the host allows no share of {folder}: start Decant there with --share-folder',
    '호스트가 폴더 {folder}의 공유를 허용하지 않습니다. 그 호스트의 Decant를 --share-folder로 시작하십시오',
  ),
  'change/at-start': s('a running guest cannot take it', '실행 중인 게스트에는 적용할 수 없습니다'),
  'change/no-hotplug': s('a microvm has no hot-plug', 'microvm은 실행 중 장치 변경을 지원하지 않습니다'),
  'change/cpus-removed': s(
    'taking virtual CPUs out of a running guest is unsafe',
    '실행 중인 게스트에서 가상 CPU를 빼는 것은 안전하지 않습니다',
  ),
  'change/cpus-most': s(
    'it was started to grow to {most} CPUs at most',
    '최대 CPU {most}개까지 늘리도록 시작되었습니다',
  ),
  'change/memory-removed': s(
    'memory that a guest was started with cannot be taken out while it runs; its balloon can lower what it uses',
    '시작할 때 준 메모리는 실행 중에 뺄 수 없습니다. 벌룬으로 사용량을 줄일 수 있습니다',
  ),
  'change/memory-most': s(
    'it was started to grow to {most} MiB at most',
    '최대 {most} MiB까지 늘리도록 시작되었습니다',
  ),
  'change/bus': s(
    'disks on {bus} come and go only while the machine is off',
    '{bus} 디스크는 머신이 꺼져 있을 때만 바꿀 수 있습니다',
  ),
  'change/first-boot': s(
    'cloud-init reads it at the next start, and most of it only once in a machine',
    'cloud-init은 다음 시작 때 읽으며 대부분 한 머신에서 한 번만 적용합니다',
  ),
  'change/content': s('it is what the disk was made with', '디스크를 만들 때 정해진 것입니다'),
} as const satisfies Record<string, Sentence>
