/** Problems of hosts, guests, disks, images and the tools that handle them. */

import { s, tryLater, type Entry } from './entry.ts'

export const hostsProblems = {
  'host/silent': {
    status: 503,
    exit: 6,
    retry: 'later',
    title: s('The host does not answer', '호스트가 응답하지 않습니다'),
    detail: s('Host {host} does not answer.', '호스트 {host}이(가) 응답하지 않습니다.'),
    advice: s(
      'Its machines may well run on. Check the host and its agent.',
      '머신은 계속 실행 중일 수 있습니다. 호스트와 에이전트를 점검하십시오.',
    ),
  },
  'host/stale': {
    status: 409,
    exit: 5,
    retry: 'never',
    title: s('The order is out of date', '오래된 지시입니다'),
    detail: s(
      'The host has already seen epoch {seen}; this order has {given}.',
      '호스트는 이미 에포크 {seen}을(를) 받았는데 이 지시는 에포크 {given}입니다.',
    ),
    advice: s(
      'Nothing was done. Read the present state again.',
      '아무 일도 하지 않았습니다. 현재 상태를 다시 읽으십시오.',
    ),
  },
  'guest/absent': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('The guest does not run', '게스트가 실행 중이 아닙니다'),
    detail: s('The guest of {machine} does not run.', '{machine}의 게스트가 실행 중이 아닙니다.'),
    advice: s('Start the machine first.', '먼저 머신을 시작하십시오.'),
  },
  'qmp/refused': {
    status: 502,
    exit: 1,
    retry: 'later',
    title: s('QEMU refused a command', 'QEMU가 명령을 거부했습니다'),
    detail: s('QEMU refused {command}: {why}', 'QEMU가 {command}을(를) 거부했습니다: {why}'),
    advice: tryLater,
  },
  'qmp/silent': {
    status: 504,
    exit: 6,
    retry: 'later',
    title: s('QEMU does not answer', 'QEMU가 응답하지 않습니다'),
    detail: s(
      'QEMU did not answer {command} within {seconds} seconds.',
      'QEMU가 {command}에 {seconds}초 안에 응답하지 않았습니다.',
    ),
    advice: tryLater,
  },
  'guest/spawn': {
    status: 502,
    exit: 1,
    retry: 'later',
    title: s('QEMU did not start', 'QEMU를 시작하지 못했습니다'),
    detail: s('QEMU did not start: {why}', 'QEMU를 시작하지 못했습니다: {why}'),
    advice: s("The guest's log has the details.", '게스트 로그를 확인하십시오.'),
  },
  'guest/not-ours': {
    status: 409,
    exit: 3,
    retry: 'never',
    title: s('The process is not provably ours', 'Decant의 프로세스인지 확인할 수 없습니다'),
    detail: s(
      'Process {pid} is not provably this guest; it was left alone.',
      '프로세스 {pid}이(가) 이 게스트인지 확인할 수 없어 그대로 두었습니다.',
    ),
    advice: s('Look at that process by hand.', '해당 프로세스를 직접 확인하십시오.'),
  },
  'tool/missing': {
    status: 503,
    exit: 1,
    retry: 'after-change',
    title: s('A program is missing', '프로그램이 없습니다'),
    detail: s(
      '{tool} (Debian package {package}) is needed for this and is not installed.',
      '이 작업에 필요한 {tool}(데비안 패키지 {package})이(가) 설치되어 있지 않습니다.',
    ),
    advice: s('Install it: apt-get install {package}', '설치하십시오: apt-get install {package}'),
  },
  'tool/failed': {
    status: 502,
    exit: 1,
    retry: 'later',
    title: s('A program failed', '프로그램이 실패했습니다'),
    detail: s('{tool} failed: {why}', '{tool} 실패: {why}'),
    advice: tryLater,
  },
  'datastore/full': {
    status: 507,
    exit: 6,
    retry: 'later',
    title: s('The datastore is full', '데이터스토어가 가득 찼습니다'),
    detail: s(
      'Datastore {datastore} has {freeBytes} bytes free; {neededBytes} are needed.',
      '데이터스토어 {datastore}의 여유는 {freeBytes}바이트, 필요량은 {neededBytes}바이트입니다.',
    ),
    advice: s(
      'Free space there or use another datastore.',
      '공간을 확보하거나 다른 데이터스토어를 사용하십시오.',
    ),
  },
  'datastore/failed': {
    status: 502,
    exit: 1,
    retry: 'later',
    title: s('The datastore refused', '데이터스토어가 거부했습니다'),
    detail: s('Datastore {datastore}: {why}', '데이터스토어 {datastore}: {why}'),
    advice: tryLater,
  },
  'image/refused': {
    status: 422,
    exit: 2,
    retry: 'never',
    title: s('The image is not acceptable', '받아들일 수 없는 이미지입니다'),
    detail: s('The image was refused: {why}.', '이미지를 거부했습니다: {why}.'),
    advice: s(
      'Convert it to a plain qcow2 or raw image first.',
      '먼저 일반 qcow2나 raw 이미지로 변환하십시오.',
    ),
  },
  'image/content-missing': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('The image has no content yet', '이미지 내용이 아직 없습니다'),
    detail: s('Image {name} has no content yet.', '이미지 {name}의 내용이 아직 없습니다.'),
    advice: s('Upload it first.', '먼저 업로드하십시오.'),
  },
  'image/not-waiting': {
    status: 409,
    exit: 3,
    retry: 'never',
    title: s('The image takes no content now', '이미지가 내용을 받을 수 없는 상태입니다'),
    detail: s(
      'Image {name} is {state}; its content can be sent only once, while it waits for it.',
      '이미지 {name}의 상태는 {state}입니다. 내용은 업로드를 기다리는 동안 한 번만 보낼 수 있습니다.',
    ),
    advice: s('Create a new image for another content.', '다른 내용에는 새 이미지를 만드십시오.'),
  },
  'image/checksum': {
    status: 422,
    exit: 2,
    retry: 'later',
    title: s('The checksum does not match', '체크섬이 다릅니다'),
    detail: s(
      'The content has SHA-256 {found}, but {wanted} was stated.',
      '내용의 SHA-256은 {found}인데 지정된 값은 {wanted}입니다.',
    ),
    advice: s('Check the file and upload it again.', '파일을 확인하고 다시 업로드하십시오.'),
  },
  'network/port-busy': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('The host port is taken', '호스트 포트가 사용 중입니다'),
    detail: s(
      'Port {port} of the host is taken by another program.',
      '호스트 포트 {port}을(를) 다른 프로그램이 사용 중입니다.',
    ),
    advice: s('Choose another port, or 0 for any free one.', '다른 포트를 고르거나 0(자동)을 쓰십시오.'),
  },
  'network/port-forbidden': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('The host port is for the administrator', '관리자만 쓸 수 있는 호스트 포트입니다'),
    detail: s(
      'Port {port} of the host may be taken by root only, and Decant does not run as root here.',
      '호스트 포트 {port}은(는) root만 쓸 수 있으며 여기서 Decant는 root가 아닙니다.',
    ),
    advice: s('Choose a port from 1024 upward.', '1024 이상의 포트를 고르십시오.'),
  },
  'network/address-absent': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('The host has no such address', '호스트에 없는 주소입니다'),
    detail: s('The host has no address {address}.', '호스트에 {address} 주소가 없습니다.'),
    advice: s('Use 127.0.0.1 or an address of the host.', '127.0.0.1이나 호스트의 주소를 쓰십시오.'),
  },
} as const satisfies Record<string, Entry>
