/** Problems of the programs themselves: links, starts, settings, commands. */

import { s, tryLater, type Entry } from './entry.ts'

export const programsProblems = {
  'link/refused': {
    status: 403,
    exit: 3,
    retry: 'never',
    title: s('The agent is not known here', '알려지지 않은 에이전트입니다'),
    detail: s(
      'The agent could not prove to be host {host}.',
      '에이전트가 호스트 {host}임을 증명하지 못했습니다.',
    ),
    advice: s('Invite the host again.', '호스트를 다시 초대하십시오.'),
  },
  'link/lost': {
    status: 503,
    exit: 6,
    retry: 'later',
    title: s('The connection was lost', '연결이 끊겼습니다'),
    detail: s('The connection to {peer} was lost.', '{peer} 연결이 끊겼습니다.'),
    advice: tryLater,
  },
  'certificate/damaged': {
    status: 503,
    exit: 1,
    retry: 'after-change',
    title: s('The certificate authority cannot be used', '인증 기관을 사용할 수 없습니다'),
    detail: s(
      'The certificate authority in {file} cannot be used: {why}.',
      '{file}의 인증 기관을 사용할 수 없습니다: {why}.',
    ),
    advice: s(
      'Restore the file from a backup. Without one, move it away: a new authority is made, which people must trust anew and hosts be invited to again.',
      '백업에서 파일을 복구하십시오. 백업이 없으면 파일을 옮기십시오. 그러면 새 인증 기관이 만들어지며, 사용자는 이를 새로 신뢰하고 호스트는 다시 초대해야 합니다.',
    ),
  },
  'certificate/refused': {
    status: 422,
    exit: 2,
    retry: 'after-change',
    title: s('No certificate for this name', '이 이름의 인증서를 만들 수 없습니다'),
    detail: s(
      "Decant's authority does not vouch for the name {name}.",
      'Decant의 인증 기관은 {name} 이름을 보증하지 않습니다.',
    ),
    advice: s(
      'Use a private name or an address, or a certificate from elsewhere.',
      '내부 이름이나 주소를 쓰거나 다른 곳에서 발급한 인증서를 사용하십시오.',
    ),
  },
  'start/port-busy': {
    status: 503,
    exit: 1,
    retry: 'after-change',
    title: s('The port is taken', '포트가 사용 중입니다'),
    detail: s(
      'Port {port} on {address} is taken by another program.',
      '{address}의 포트 {port}을(를) 다른 프로그램이 사용 중입니다.',
    ),
    advice: s(
      'Choose another with --port, or stop the other program.',
      '--port로 다른 포트를 고르거나 그 프로그램을 멈추십시오.',
    ),
  },
  'start/not-running': {
    status: 503,
    exit: 6,
    retry: 'later',
    title: s('Decant does not run', 'Decant가 실행 중이 아닙니다'),
    detail: s('No Decant answers for {data}.', '{data}에서 응답하는 Decant가 없습니다.'),
    advice: s('Start it: npm start', '시작하십시오: npm start'),
  },
  'start/unreachable': {
    status: 503,
    exit: 6,
    retry: 'later',
    title: s('Decant does not answer', 'Decant가 응답하지 않습니다'),
    detail: s('{url} does not answer: {why}', '{url}이(가) 응답하지 않습니다: {why}'),
    advice: s('Check the address and the network.', '주소와 네트워크를 확인하십시오.'),
  },
  'answer/strange': {
    status: 502,
    exit: 1,
    retry: 'never',
    title: s('The answer is not understood', '응답을 이해할 수 없습니다'),
    detail: s(
      'The server answered with something unexpected: {why}.',
      '서버의 응답이 예상과 다릅니다: {why}.',
    ),
    advice: s(
      'Check that the address is that of a Decant of the same version.',
      '주소가 같은 버전의 Decant인지 확인하십시오.',
    ),
  },
  'setting/invalid': {
    status: 400,
    exit: 2,
    retry: 'never',
    title: s('A setting is not acceptable', '설정이 올바르지 않습니다'),
    detail: s('{setting}: {why}', '{setting}: {why}'),
    advice: s(
      '`npm start -- --help` lists the settings; `decant help` those of the command line.',
      '`npm start -- --help`에 설정 목록이, `decant help`에 명령줄 설정이 있습니다.',
    ),
  },
  'usage/unknown': {
    status: 400,
    exit: 2,
    retry: 'never',
    title: s('The command is not understood', '이해할 수 없는 명령입니다'),
    detail: s('{why}', '{why}'),
    advice: s('`decant help` lists the commands.', '`decant help`에 명령 목록이 있습니다.'),
  },
  'feature/not-here': {
    status: 501,
    exit: 1,
    retry: 'never',
    title: s('Not possible on this host', '이 호스트에서는 할 수 없습니다'),
    detail: s(
      '{what} is not possible on this host: {why}',
      '이 호스트에서는 {what}을(를) 할 수 없습니다: {why}',
    ),
    advice: s('Use another host or another way.', '다른 호스트나 다른 방법을 사용하십시오.'),
  },
  bug: {
    status: 500,
    exit: 1,
    retry: 'later',
    title: s('A fault in Decant', 'Decant의 결함입니다'),
    detail: s(
      'Something in Decant broke its own promise; it is in the log as {id}.',
      'Decant 안에서 있어서는 안 될 일이 일어났습니다. 로그에 {id}(으)로 남아 있습니다.',
    ),
    advice: s('Report it with that number.', '그 번호와 함께 알려 주십시오.'),
  },
} as const satisfies Record<string, Entry>
