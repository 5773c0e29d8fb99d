/** The words of the few plain pages, in every language. */

import type { Sentence } from '#model/sentence.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

export const words = {
  what: s(
    'Decant turns this computer, and others beside it, into one virtual datacenter.',
    'Decant는 이 컴퓨터와 다른 컴퓨터들을 하나의 가상 데이터센터로 만듭니다.',
  ),
  signedInAs: s('Signed in as {user}', '{user}(으)로 로그인했습니다'),
  signedOut: s('You are not signed in.', '로그인하지 않았습니다.'),
  howToSignIn: s(
    'Open the sign-in link that Decant printed at start, or make a new one on its machine: ./decant login',
    '시작할 때 표시된 로그인 링크를 여십시오. 새 링크는 Decant가 실행 중인 컴퓨터에서 만듭니다: ./decant login',
  ),
  signIn: s('Sign in', '로그인'),
  signInWhy: s(
    'This link signs you in once, on this browser.',
    '이 링크로 이 브라우저에서 한 번 로그인할 수 있습니다.',
  ),
  signOut: s('Sign out', '로그아웃'),
  noMachines: s(
    'There are no machines yet. Create one: ./decant machine create NAME',
    '머신이 아직 없습니다. 만들어 보십시오: ./decant machine create NAME',
  ),
  name: s('Name', '이름'),
  project: s('Project', '프로젝트'),
  why: s('Why', '이유'),
  reference: s('Reference', '참조'),
  more: s('{shown} of {total} are shown.', '{total}대 중 {shown}대를 표시합니다.'),
} as const
