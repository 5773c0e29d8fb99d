/** Problems of guests that run: parts that come and go, disks that move, the agent inside. */

import { s, tryLater, type Entry } from './entry.ts'

export const guestsProblems = {
  'guest/no-slot': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('No slot is free', '빈 슬롯이 없습니다'),
    detail: s(
      'The running guest of {machine} has no free slot for {part}.',
      '실행 중인 {machine}의 게스트에 {part}을(를) 위한 빈 슬롯이 없습니다.',
    ),
    advice: s(
      'Detach something, or stop and start the machine.',
      '다른 장치를 분리하거나 머신을 중지했다가 다시 시작하십시오.',
    ),
  },
  'guest/clings': {
    status: 409,
    exit: 6,
    retry: 'later',
    title: s('The guest does not let go', '게스트가 장치를 놓지 않습니다'),
    detail: s(
      'The guest of {machine} did not let go of {part} within {seconds} seconds.',
      '{machine}의 게스트가 {seconds}초 안에 {part}을(를) 놓지 않았습니다.',
    ),
    advice: s(
      'Stop using it inside the guest (unmount it); it is asked again. Stopping the machine frees it for certain.',
      '게스트 안에서 사용을 중단(마운트 해제)하십시오. 다시 요청합니다. 머신을 중지하면 확실히 해제됩니다.',
    ),
  },
  'guest/not-live': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('This cannot be done while it runs', '실행 중에는 할 수 없습니다'),
    detail: s(
      'The running guest of {machine} cannot take this: {why}',
      '실행 중인 {machine}의 게스트에 적용할 수 없습니다: {why}',
    ),
    advice: s('Stop and start the machine.', '머신을 중지했다가 다시 시작하십시오.'),
  },
  'guest/agent-silent': {
    status: 504,
    exit: 6,
    retry: 'later',
    title: s('The agent inside does not answer', '게스트 안의 에이전트가 응답하지 않습니다'),
    detail: s('The agent inside {machine} does not answer.', '{machine} 안의 에이전트가 응답하지 않습니다.'),
    advice: s(
      'Install and start qemu-guest-agent inside the machine.',
      '머신 안에 qemu-guest-agent를 설치하고 시작하십시오.',
    ),
  },
  'guest/agent-broken': {
    status: 502,
    exit: 1,
    retry: 'later',
    title: s('The agent inside answers nonsense', '게스트 안의 에이전트가 잘못된 응답을 합니다'),
    detail: s(
      'What the agent inside {machine} said was refused: {why}',
      '{machine} 안의 에이전트가 한 응답을 거부했습니다: {why}',
    ),
    advice: tryLater,
  },
  'guest/agent-refused': {
    status: 409,
    exit: 1,
    retry: 'after-change',
    title: s('The agent inside refused', '게스트 안의 에이전트가 거부했습니다'),
    detail: s(
      'The agent inside {machine} refused {command}: {why}',
      '{machine} 안의 에이전트가 {command} 명령을 거부했습니다: {why}',
    ),
    advice: s('Look at the reason it gave.', '에이전트가 밝힌 이유를 확인하십시오.'),
  },
  'guest/agent-timeout': {
    status: 504,
    exit: 6,
    retry: 'later',
    title: s('The command inside takes longer', '게스트 안의 명령이 더 오래 걸립니다'),
    detail: s(
      'The command inside {machine} did not end within {seconds} seconds; it may still run.',
      '{machine} 안의 명령이 {seconds}초 안에 끝나지 않았습니다. 아직 실행 중일 수 있습니다.',
    ),
    advice: s('Look inside before it is sent again.', '다시 보내기 전에 게스트 안을 확인하십시오.'),
  },
} as const satisfies Record<string, Entry>
