/** Steps that say of each change of a running guest whether it is live. */

import type { Sentence } from '../../sentence.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

export const changesSteps = {
  'machine/create-snapshot': s(
    'Take a snapshot of machine {machine} to start from',
    '머신 {machine}의 스냅샷을 만들어 시작점으로 씁니다',
  ),
  'machine/delete-snapshot': s(
    'Delete the snapshot that was taken for it',
    '이를 위해 만든 스냅샷을 삭제합니다',
  ),
  'machine/create-disk': s(
    'Create disk {disk} on host {host}',
    '호스트 {host}에 디스크 {disk}을(를) 만듭니다',
  ),
  'machine/grow-disk': s(
    'Grow volume {volume} to {sizeMib} MiB',
    '볼륨 {volume}을(를) {sizeMib} MiB로 늘립니다',
  ),
  'machine/release-volume': s(
    'Keep volume {volume} as a volume of its own',
    '볼륨 {volume}을(를) 독립된 볼륨으로 남깁니다',
  ),
  'machine/delete-disk': s('Delete its volume {volume}', '볼륨 {volume}을(를) 삭제합니다'),
  'machine/revert-volumes': s(
    'Take its disks back to snapshot {snapshot}',
    '디스크를 스냅샷 {snapshot}(으)로 되돌립니다',
  ),
  'machine/end-revert': s('Go on from snapshot {snapshot}', '스냅샷 {snapshot}에서 계속합니다'),
  'change/set': s('Live: {field} is changed', '실행 중 적용: {field} 변경'),
  'change/attach': s('Live: {field} is attached', '실행 중 적용: {field} 연결'),
  'change/detach': s('Live: {field} is detached', '실행 중 적용: {field} 분리'),
  'change/resize': s('Live: {field} grows', '실행 중 적용: {field} 확장'),
  'change/limit': s('Live: the bounds of {field} are set', '실행 중 적용: {field} 제한 설정'),
  'change/medium': s('Live: the medium in {field} is changed', '실행 중 적용: {field} 미디어 교체'),
  'change/link': s(
    'Live: the cable of {field} is plugged in or pulled',
    '실행 중 적용: {field} 케이블 연결 또는 분리',
  ),
  'change/at-start': s(
    'After a restart: {field}, because a running guest cannot take it',
    '재시작 후: {field} (실행 중인 게스트에는 적용할 수 없음)',
  ),
  'change/no-hotplug': s(
    'After a restart: {field}, because a microvm has no hot-plug',
    '재시작 후: {field} (microvm은 실행 중 장치 변경을 지원하지 않음)',
  ),
  'change/cpus-removed': s(
    'After a restart: {field}, because taking virtual CPUs out of a running guest is unsafe',
    '재시작 후: {field} (실행 중인 게스트에서 가상 CPU를 빼는 것은 안전하지 않음)',
  ),
  'change/cpus-most': s(
    'After a restart: {field}, because it was started to grow to {most} at most',
    '재시작 후: {field} (최대 {most}개까지 늘리도록 시작됨)',
  ),
  'change/memory-removed': s(
    'After a restart: {field}, because memory that it was started with cannot be taken out while it runs',
    '재시작 후: {field} (시작할 때 준 메모리는 실행 중에 뺄 수 없음)',
  ),
  'change/memory-most': s(
    'After a restart: {field}, because it was started to grow to {most} MiB at most',
    '재시작 후: {field} (최대 {most} MiB까지 늘리도록 시작됨)',
  ),
  'change/bus': s(
    'After a restart: {field}, because disks on {bus} do not come and go live',
    '재시작 후: {field} ({bus} 디스크는 실행 중에 바꿀 수 없음)',
  ),
  'change/first-boot': s(
    'After a restart: {field}, and most of it only once in a machine',
    '재시작 후: {field} (대부분 한 머신에서 한 번만 적용됨)',
  ),
} as const satisfies Record<string, Sentence>
