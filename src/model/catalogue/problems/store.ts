/** Problems of the store and its disk. */

import { mendRequest, s, tryLater, type Entry } from './entry.ts'

export const storeProblems = {
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
} as const satisfies Record<string, Entry>
