/** The catalogue of problems: code → HTTP status, exit code, whether to retry, and the sentences. */

import type { Sentence } from '../sentence.ts'

export type Entry = {
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 406
    | 409
    | 410
    | 412
    | 413
    | 415
    | 422
    | 429
    | 431
    | 500
    | 501
    | 502
    | 503
    | 504
    | 507
  /** Exit code of the command line: 1 fault, 2 usage, 3 refused, 4 absent, 5 conflict, 6 later. */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6
  readonly retry: 'never' | 'later' | 'after-change'
  readonly title: Sentence
  /** One plain sentence with places for the facts. */
  readonly detail: Sentence
  readonly advice: Sentence
}

const s = (en: string, ko: string): Sentence => ({ en, ko })
const mendRequest = s('Correct the request and send it again.', '요청을 고쳐 다시 보내십시오.')
const tryLater = s('Try again in a moment.', '잠시 후 다시 시도하십시오.')

export const problems = {
  // Requests
  'request/malformed': {
    status: 400,
    exit: 2,
    retry: 'never',
    title: s('The request cannot be read', '요청을 읽을 수 없습니다'),
    detail: s('The request is not well formed: {why}.', '요청의 형식이 잘못되었습니다: {why}.'),
    advice: mendRequest,
  },
  'request/invalid': {
    status: 422,
    exit: 2,
    retry: 'never',
    title: s('A field is not acceptable', '필드 값이 올바르지 않습니다'),
    detail: s('{field}: {why}.', '{field}: {why}.'),
    advice: s(
      'Correct the field; `decant explain` describes each.',
      '필드를 고치십시오. `decant explain`이 각 필드를 설명합니다.',
    ),
  },
  'request/too-large': {
    status: 413,
    exit: 2,
    retry: 'never',
    title: s('The request is too large', '요청이 너무 큽니다'),
    detail: s('The request is larger than {limit} bytes.', '요청이 {limit}바이트보다 큽니다.'),
    advice: s('Send less at once.', '나누어 보내십시오.'),
  },
  'request/headers-too-large': {
    status: 431,
    exit: 2,
    retry: 'never',
    title: s('The headers are too large', '헤더가 너무 큽니다'),
    detail: s('The request headers are larger than the server reads.', '요청 헤더가 서버 한도를 넘었습니다.'),
    advice: mendRequest,
  },
  'request/too-deep': {
    status: 400,
    exit: 2,
    retry: 'never',
    title: s('The request is nested too deeply', '요청의 중첩이 너무 깊습니다'),
    detail: s('The request nests deeper than {limit} levels.', '요청이 {limit}단계보다 깊게 중첩되었습니다.'),
    advice: mendRequest,
  },
  'request/media-type': {
    status: 415,
    exit: 2,
    retry: 'never',
    title: s('The media type is not understood', '지원하지 않는 미디어 형식입니다'),
    detail: s('The media type {type} is not understood here.', '미디어 형식 {type}은(는) 지원하지 않습니다.'),
    advice: s('Send application/json.', 'application/json으로 보내십시오.'),
  },
  'request/not-acceptable': {
    status: 406,
    exit: 2,
    retry: 'never',
    title: s('No acceptable form', '제공할 수 없는 형식입니다'),
    detail: s('The answer cannot be given as {type}.', '{type} 형식으로 응답할 수 없습니다.'),
    advice: mendRequest,
  },
  'request/method': {
    status: 405,
    exit: 2,
    retry: 'never',
    title: s('The method is not allowed here', '허용되지 않는 메서드입니다'),
    detail: s('{method} is not allowed on this address.', '이 주소에서는 {method} 메서드를 쓸 수 없습니다.'),
    advice: mendRequest,
  },
  'request/host': {
    status: 403,
    exit: 3,
    retry: 'never',
    title: s('The address in the request is not ours', '요청의 주소가 이 서버의 것이 아닙니다'),
    detail: s(
      'The Host or Origin header names an address that this server does not serve.',
      'Host 또는 Origin 헤더가 이 서버의 주소가 아닙니다.',
    ),
    advice: s('Use the address that Decant printed at start.', '시작할 때 표시된 주소를 사용하십시오.'),
  },
  'request/precondition': {
    status: 412,
    exit: 5,
    retry: 'after-change',
    title: s('It has changed meanwhile', '그 사이에 변경되었습니다'),
    detail: s(
      '{kind} {name} is at generation {generation}, not the one the request expects.',
      '{kind} {name}의 세대는 {generation}이며, 요청이 예상한 세대와 다릅니다.',
    ),
    advice: s('Read it again and repeat the change.', '다시 읽은 뒤 변경을 반복하십시오.'),
  },
  'request/idempotency-mismatch': {
    status: 422,
    exit: 2,
    retry: 'never',
    title: s('The idempotency key was used for another request', '멱등 키가 다른 요청에 이미 쓰였습니다'),
    detail: s(
      'The Idempotency-Key was first used with a different request.',
      '이 Idempotency-Key는 다른 요청에 먼저 사용되었습니다.',
    ),
    advice: s('Use a new key for a new request.', '새 요청에는 새 키를 사용하십시오.'),
  },
  'request/too-many': {
    status: 429,
    exit: 6,
    retry: 'later',
    title: s('Too many at once', '동시 요청이 너무 많습니다'),
    detail: s('More than {limit} {what} at once.', '{what}이(가) 동시에 {limit}개를 넘었습니다.'),
    advice: tryLater,
  },
  'request/not-found': {
    status: 404,
    exit: 4,
    retry: 'never',
    title: s('There is nothing at this address', '이 주소에는 아무것도 없습니다'),
    detail: s('There is nothing at this address.', '이 주소에는 아무것도 없습니다.'),
    advice: s('The reference lists every address.', '참조 문서에 모든 주소가 있습니다.'),
  },
  'request/timeout': {
    status: 504,
    exit: 6,
    retry: 'later',
    title: s('It did not come true in time', '시간 안에 완료되지 않았습니다'),
    detail: s(
      '{kind} {name} is not as waited for after {seconds} seconds.',
      '{kind} {name}이(가) {seconds}초 안에 기대한 상태가 되지 않았습니다.',
    ),
    advice: s(
      'The wish stands and work goes on; look at its holds.',
      '요청은 유효하며 작업은 계속됩니다. 보류 사유를 확인하십시오.',
    ),
  },

  // People
  'auth/missing': {
    status: 401,
    exit: 3,
    retry: 'never',
    title: s('Sign in first', '먼저 로그인하십시오'),
    detail: s('This needs a signed-in person or a token.', '로그인 또는 토큰이 필요합니다.'),
    advice: s('Open the sign-in link, or send a token.', '로그인 링크를 열거나 토큰을 보내십시오.'),
  },
  'auth/invalid': {
    status: 401,
    exit: 3,
    retry: 'never',
    title: s('The proof of identity is not valid', '인증 정보가 유효하지 않습니다'),
    detail: s(
      'The token, session or link is unknown, used up or expired.',
      '토큰, 세션 또는 링크가 없거나 이미 쓰였거나 만료되었습니다.',
    ),
    advice: s(
      'Ask for a new one: `decant login` on the computer that Decant runs on.',
      'Decant가 실행 중인 컴퓨터에서 `decant login`으로 새로 받으십시오.',
    ),
  },
  'auth/forbidden': {
    status: 403,
    exit: 3,
    retry: 'never',
    title: s('Your role does not allow this', '권한이 없습니다'),
    detail: s('This needs the role {role}.', '{role} 역할이 필요합니다.'),
    advice: s('Ask an administrator of the project.', '프로젝트 관리자에게 요청하십시오.'),
  },
  'auth/csrf': {
    status: 403,
    exit: 3,
    retry: 'never',
    title: s('The request does not come from the console', '콘솔에서 온 요청이 아닙니다'),
    detail: s(
      'A session cookie was sent without the matching x-decant-csrf header.',
      '세션 쿠키에 맞는 x-decant-csrf 헤더가 없습니다.',
    ),
    advice: s('Send the header, or use a token.', '헤더를 보내거나 토큰을 사용하십시오.'),
  },

  // Objects
  'object/not-found': {
    status: 404,
    exit: 4,
    retry: 'never',
    title: s('There is no such object', '해당 객체가 없습니다'),
    detail: s('There is no {kind} {name}.', '{kind} {name}이(가) 없습니다.'),
    advice: s('`decant {kind} list` shows what there is.', '`decant {kind} list`로 목록을 확인하십시오.'),
  },
  'object/exists': {
    status: 409,
    exit: 5,
    retry: 'never',
    title: s('The name is taken', '이미 있는 이름입니다'),
    detail: s('There is already a {kind} {name}.', '{kind} {name}이(가) 이미 있습니다.'),
    advice: s('Choose another name.', '다른 이름을 고르십시오.'),
  },
  'object/reference': {
    status: 422,
    exit: 2,
    retry: 'after-change',
    title: s('It names something that is not there', '없는 것을 가리킵니다'),
    detail: s(
      '{field} names {kind} {name}, which is not there.',
      '{field}이(가) 가리키는 {kind} {name}이(가) 없습니다.',
    ),
    advice: s('Create it first, or name another.', '먼저 만들거나 다른 것을 지정하십시오.'),
  },
  'object/fixed': {
    status: 422,
    exit: 2,
    retry: 'never',
    title: s('The field cannot be changed', '변경할 수 없는 필드입니다'),
    detail: s('{field} stays as it was created.', '{field}은(는) 생성 후 바꿀 수 없습니다.'),
    advice: s('Create a new object with the other value.', '다른 값으로 새로 만드십시오.'),
  },
  'object/protected': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('It is protected from deletion', '삭제 보호되어 있습니다'),
    detail: s('{kind} {name} is protected from deletion.', '{kind} {name}은(는) 삭제 보호되어 있습니다.'),
    advice: s(
      'Take the protection off first: `decant {kind} edit {name} --protected=false`.',
      '먼저 보호를 푸십시오: `decant {kind} edit {name} --protected=false`.',
    ),
  },
  'object/in-use': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('It is in use', '사용 중입니다'),
    detail: s(
      '{kind} {name} is used by {userKind} {user}.',
      '{kind} {name}은(는) {userKind} {user}이(가) 사용 중입니다.',
    ),
    advice: s('Delete or change what uses it first.', '사용하는 쪽을 먼저 삭제하거나 바꾸십시오.'),
  },
  'object/deleting': {
    status: 409,
    exit: 3,
    retry: 'never',
    title: s('It is being deleted', '삭제 중입니다'),
    detail: s('{kind} {name} is being deleted.', '{kind} {name}은(는) 삭제 중입니다.'),
    advice: s('Wait until it is gone.', '삭제가 끝날 때까지 기다리십시오.'),
  },
  'object/refused': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('Not possible now', '지금은 할 수 없습니다'),
    detail: s('{why}', '{why}'),
    advice: s('Look at its state and holds.', '상태와 보류 사유를 확인하십시오.'),
  },
  'object/failed': {
    status: 409,
    exit: 1,
    retry: 'after-change',
    title: s('It failed', '실패했습니다'),
    detail: s('{kind} {name} failed: {why}', '{kind} {name} 실패: {why}'),
    advice: s('Look at its holds; delete it and try again.', '보류 사유를 보고, 삭제 후 다시 시도하십시오.'),
  },
  'object/read-only': {
    status: 405,
    exit: 3,
    retry: 'never',
    title: s('Decant itself writes this', 'Decant가 직접 기록하는 객체입니다'),
    detail: s('{kind} objects are written by Decant itself.', '{kind} 객체는 Decant만 기록합니다.'),
    advice: s('Change what it serves instead.', '이 객체의 바탕이 되는 객체를 바꾸십시오.'),
  },
  'quota/exceeded': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('The quota is used up', '할당량을 다 썼습니다'),
    detail: s(
      'Project {project} may use {limit} {resource}, and this would need {needed}.',
      '프로젝트 {project}의 {resource} 한도는 {limit}인데 {needed}이(가) 필요합니다.',
    ),
    advice: s(
      'Delete something, or ask for more quota.',
      '쓰지 않는 것을 삭제하거나 할당량을 늘려 달라고 하십시오.',
    ),
  },

  // Store
  'store/conflict': {
    status: 409,
    exit: 5,
    retry: 'later',
    title: s('Somebody else changed it first', '다른 변경이 먼저 이루어졌습니다'),
    detail: s(
      '{kind} {id} was changed by somebody else at the same moment.',
      '{kind} {id}이(가) 동시에 변경되었습니다.',
    ),
    advice: s('Read it again and repeat the change.', '다시 읽고 변경을 반복하십시오.'),
  },
  'store/claimed': {
    status: 409,
    exit: 5,
    retry: 'never',
    title: s('It is already taken', '이미 사용 중입니다'),
    detail: s('{claim} is already taken.', '{claim}은(는) 이미 사용 중입니다.'),
    advice: s('Choose another.', '다른 것을 고르십시오.'),
  },
  'store/full': {
    status: 507,
    exit: 6,
    retry: 'later',
    title: s('The disk of the store is full', '저장소 디스크가 가득 찼습니다'),
    detail: s(
      "Nothing can be changed because the disk under Decant's data is full. Machines run on.",
      'Decant 데이터 디스크가 가득 차서 변경할 수 없습니다. 머신은 계속 실행됩니다.',
    ),
    advice: s(
      'Free space on that disk; Decant recovers by itself.',
      '디스크 공간을 확보하면 저절로 복구됩니다.',
    ),
  },
  'store/failing': {
    status: 503,
    exit: 6,
    retry: 'later',
    title: s('The store cannot write', '저장소에 쓸 수 없습니다'),
    detail: s(
      'The store refused a write: {why}. Machines run on.',
      '저장소가 쓰기를 거부했습니다: {why}. 머신은 계속 실행됩니다.',
    ),
    advice: s("Check the disk under Decant's data.", 'Decant 데이터 디스크를 점검하십시오.'),
  },
  'store/compacted': {
    status: 410,
    exit: 6,
    retry: 'never',
    title: s('That moment is no longer kept', '그 시점의 기록은 더 이상 없습니다'),
    detail: s(
      'Changes after revision {revision} are no longer kept.',
      '리비전 {revision} 이후의 변경 기록이 남아 있지 않습니다.',
    ),
    advice: s('List again and watch from there.', '목록을 다시 읽고 그 시점부터 이어서 보십시오.'),
  },
  'store/corrupt': {
    status: 503,
    exit: 1,
    retry: 'never',
    title: s('The store is damaged', '저장소가 손상되었습니다'),
    detail: s('The store is damaged: {why}.', '저장소가 손상되었습니다: {why}.'),
    advice: s(
      'Stop Decant and restore: `decant store restore`.',
      'Decant를 멈추고 복원하십시오: `decant store restore`.',
    ),
  },
  'store/newer': {
    status: 503,
    exit: 1,
    retry: 'never',
    title: s('The store was written by a newer Decant', '더 새로운 Decant가 쓴 저장소입니다'),
    detail: s(
      'The store has schema {found}; this Decant knows {known}.',
      '저장소 스키마는 {found}인데 이 Decant는 {known}까지 지원합니다.',
    ),
    advice: s(
      'Start the newer Decant, or restore an older backup.',
      '새 버전을 시작하거나 이전 백업을 복원하십시오.',
    ),
  },
  'store/unsafe': {
    status: 503,
    exit: 1,
    retry: 'never',
    title: s('The store would not keep its promises', '저장소가 안전하지 않습니다'),
    detail: s(
      'SQLite reports {setting} = {found}, but {wanted} is needed.',
      'SQLite의 {setting} 값이 {found}인데 {wanted}이(가) 필요합니다.',
    ),
    advice: s(
      'Use the Node and the file system that Decant supports.',
      '지원되는 Node와 파일 시스템을 사용하십시오.',
    ),
  },
  'store/locked': {
    status: 503,
    exit: 1,
    retry: 'never',
    title: s('Another Decant uses this data', '다른 Decant가 이 데이터를 사용 중입니다'),
    detail: s(
      'Another Decant (process {pid}) already uses {path}.',
      '다른 Decant(프로세스 {pid})가 이미 {path}을(를) 사용합니다.',
    ),
    advice: s(
      'Use the running one, stop it with `decant down`, or choose another --data.',
      '실행 중인 것을 쓰거나 `decant down`으로 멈추거나 다른 --data를 고르십시오.',
    ),
  },
  'store/too-large': {
    status: 413,
    exit: 2,
    retry: 'never',
    title: s('The object is too large', '객체가 너무 큽니다'),
    detail: s(
      'The object has {bytes} bytes; {limit} are allowed.',
      '객체가 {bytes}바이트로 한도 {limit}바이트를 넘습니다.',
    ),
    advice: mendRequest,
  },
  'store/too-many': {
    status: 413,
    exit: 2,
    retry: 'never',
    title: s('Too many changes at once', '한 번에 너무 많이 변경합니다'),
    detail: s(
      'The request makes {changes} changes at once; {limit} are allowed.',
      '요청이 한 번에 {changes}개를 변경하여 한도 {limit}개를 넘습니다.',
    ),
    advice: mendRequest,
  },
  'store/busy': {
    status: 503,
    exit: 6,
    retry: 'later',
    title: s('Too many changes wait for the disk', '디스크를 기다리는 변경이 너무 많습니다'),
    detail: s(
      '{waiting} changes already wait for the disk of the store. Machines run on.',
      '이미 {waiting}개의 변경이 저장소 디스크를 기다립니다. 머신은 계속 실행됩니다.',
    ),
    advice: tryLater,
  },
  'store/file-exists': {
    status: 409,
    exit: 3,
    retry: 'never',
    title: s('That file exists', '파일이 이미 있습니다'),
    detail: s('{path} exists and is not overwritten.', '{path} 파일이 이미 있으며 덮어쓰지 않습니다.'),
    advice: s('Choose another name.', '다른 이름을 고르십시오.'),
  },
  'store/no-file': {
    status: 404,
    exit: 4,
    retry: 'never',
    title: s('There is no store there', '해당 경로에 저장소가 없습니다'),
    detail: s('There is no store at {path}.', '{path}에 저장소가 없습니다.'),
    advice: s('Check the path.', '경로를 확인하십시오.'),
  },

  // Hosts and guests
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

  // Programs
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

export type ProblemCode = keyof typeof problems
