/** Problems of who calls: not signed in, not allowed. */

import { s, type Entry } from './entry.ts'

export const peopleProblems = {
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
} as const satisfies Record<string, Entry>
