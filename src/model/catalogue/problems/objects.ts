/** Problems of objects and what may be done with them. */

import { s, type Entry } from './entry.ts'

export const objectsProblems = {
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
} as const satisfies Record<string, Entry>
