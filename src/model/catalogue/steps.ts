/** The catalogue of steps: what a plan would do, as people read it before it is done. */

import type { Sentence } from '../sentence.ts'
import { changesSteps } from './steps/changes.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

export const steps = {
  ...changesSteps,
  'object/create': s('Create {kind} {name}', '{kind} {name}을(를) 만듭니다'),
  'object/change': s('Change {kind} {name}', '{kind} {name}을(를) 변경합니다'),
  'object/delete': s('Delete {kind} {name}', '{kind} {name}을(를) 삭제합니다'),
  'object/signal': s('Send {signal} to {name}', '{name}에 {signal} 신호를 보냅니다'),
  'machine/place': s(
    'Place it on host {host}, the one with most room of {candidates} that fit',
    '들어맞는 호스트 {candidates}대 중 가장 여유 있는 {host}에 배치합니다',
  ),
  'machine/allocate': s(
    'Set aside {cpus} CPUs and {memoryMib} MiB on host {host}',
    '호스트 {host}에서 CPU {cpus}개와 메모리 {memoryMib} MiB를 할당합니다',
  ),
  'machine/create-volume': s('Create its boot disk on host {host}', '호스트 {host}에 부팅 디스크를 만듭니다'),
  'machine/grow-volume': s('Grow its boot disk to {sizeMib} MiB', '부팅 디스크를 {sizeMib} MiB로 늘립니다'),
  'machine/create-guest': s('Start it on host {host}', '호스트 {host}에서 시작합니다'),
  'machine/guest-on': s('Start the guest', '게스트를 시작합니다'),
  'machine/guest-off': s(
    'Ask the guest to power down; by force after {forceAfterSeconds}s',
    '게스트에 종료를 요청하고 {forceAfterSeconds}초 후 강제 종료합니다',
  ),
  'machine/guest-paused': s('Hold its virtual CPUs still', '가상 CPU를 멈춥니다'),
  'machine/guest-resumed': s('Let its virtual CPUs go on', '가상 CPU를 다시 진행합니다'),
  'machine/guest-reboot': s(
    'Power the guest down, by force after {forceAfterSeconds}s, and start it again',
    '게스트를 종료하고({forceAfterSeconds}초 후 강제) 다시 시작합니다',
  ),
  'machine/guest-change': s('Tell the guest what is wished', '바뀐 설정을 게스트에 전합니다'),
  'machine/remove-guest': s(
    'Power the guest off and remove it from host {host}',
    '게스트를 끄고 호스트 {host}에서 제거합니다',
  ),
  'machine/forget-guest': s('Free its disks and host ports', '디스크와 호스트 포트의 점유를 풉니다'),
  'machine/delete-volume': s('Delete its boot disk {volume}', '부팅 디스크 {volume}을(를) 삭제합니다'),
  'machine/forget': s('Forget the machine', '머신 기록을 지웁니다'),
} as const satisfies Record<string, Sentence>

export type StepCode = keyof typeof steps
