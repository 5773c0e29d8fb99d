/** What the commands for this machine say, in English and Korean. */

import type { Context } from '#cli/command.ts'
import { say, type Facts, type Sentence } from '#model/sentence.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

const words = {
  stopping: s('{name}: stopping', '{name}: 멈추는 중'),
  stopped: s('{name}: stopped after {seconds} s', '{name}: {seconds}초 만에 멈춤'),
  'not-stopped': s('{name}: not stopped: {why}', '{name}: 멈추지 못함: {why}'),
  'no-machines': s('No machine runs', '실행 중인 머신이 없습니다'),
  'decant-stopped': s('Decant is stopped', 'Decant가 멈췄습니다'),
  'not-answering': s(
    'The controller does not answer; the guests are stopped without it',
    '컨트롤러가 응답하지 않아 게스트를 직접 멈춥니다',
  ),
  'goes-on-trying': s(
    'Decant still runs, because machines run. Say it again, or: decant down --force-after 0s',
    '머신이 실행 중이어서 Decant는 계속 실행됩니다. 다시 시도하거나 decant down --force-after 0s를 쓰십시오',
  ),
  'service-installed': s(
    'Decant is a service now: {unit}. It starts with this host; its machines run on when it is restarted.',
    'Decant를 서비스로 등록했습니다: {unit}. 호스트와 함께 시작하며, 다시 시작해도 머신은 계속 실행됩니다.',
  ),
  'service-linger': s(
    'It starts with your session. So that it starts with the host: loginctl enable-linger',
    '로그인하면 시작합니다. 호스트와 함께 시작하려면: loginctl enable-linger',
  ),
  'service-log': s('Its words: {command}', '출력 보기: {command}'),
  'service-removed': s(
    'Decant is no service any more; machines run on',
    'Decant 서비스를 제거했습니다. 머신은 계속 실행됩니다',
  ),
  'service-absent': s('Decant is no service here', 'Decant 서비스가 없습니다'),
  'uninstall-ask': s(
    'Stop every machine and delete all that lies in {data}: disks, images, users, records?',
    '모든 머신을 멈추고 {data}의 디스크, 이미지, 사용자, 기록을 전부 삭제할까요?',
  ),
  removed: s('Removed {path}', '{path} 삭제'),
  kept: s('Kept: {what}', '남긴 것: {what}'),
  'kept-checkout': s('the checkout {path} with its node_modules', '체크아웃 {path} 및 그 안의 node_modules'),
  'kept-packages': s(
    'Debian packages that others may need: {packages}',
    '다른 곳에서도 쓸 수 있는 Debian 패키지: {packages}',
  ),
  'kept-strange': s('{path}: it is not ours', '{path}: Decant의 것이 아닙니다'),
  'store-backed-up': s(
    'The store as of revision {revision} is in {file}',
    '리비전 {revision}의 저장소를 {file}에 저장했습니다',
  ),
  'store-restored': s(
    'The store is back at {entries} entries. The one before is kept as {kept}',
    '저장소를 되돌렸습니다(항목 {entries}개). 이전 저장소: {kept}',
  ),
  'store-whole': s(
    '{file} is whole: revision {revision}, {entries} entries, {claims} claims',
    '{file}은(는) 온전합니다: 리비전 {revision}, 항목 {entries}개, 점유 {claims}개',
  ),
  nothing: s('nothing', '없음'),
} as const satisfies Record<string, Sentence>

export const text = ({ options }: Context, word: keyof typeof words, facts: Facts = {}) =>
  say(words[word], facts, options.language)
