/** Every sentence that the command line itself says, in English and Korean. */

import type { Sentence } from '#model/sentence.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

export const words = {
  // Usage
  'command-unknown': s('There is no command `{command}`', '`{command}` 명령이 없습니다'),
  'command-nearest': s(
    'There is no command `{command}`; did you mean `{near}`?',
    '`{command}` 명령이 없습니다. `{near}`을(를) 찾으셨습니까?',
  ),
  'flag-unknown': s('There is no flag `{flag}` here', '여기에는 `{flag}` 플래그가 없습니다'),
  'flag-nearest': s(
    'There is no flag `{flag}` here; did you mean `{near}`?',
    '여기에는 `{flag}` 플래그가 없습니다. `{near}`을(를) 찾으셨습니까?',
  ),
  'flag-value': s('`{flag}` needs a value: {value}', '`{flag}`에는 값이 필요합니다: {value}'),
  'flag-switch': s(
    '`{flag}` is true or false, not `{value}`',
    '`{flag}`은(는) true 또는 false여야 합니다: `{value}`',
  ),
  'flag-choice': s(
    '`{flag}` is one of {choices}, not `{value}`',
    '`{flag}`은(는) {choices} 중 하나여야 합니다: `{value}`',
  ),
  'flag-read': s('`{flag}` is {wanted}, not `{value}`', '`{flag}`은(는) {wanted}이어야 합니다: `{value}`'),
  'operand-missing': s('{what} is missing', '{what}이(가) 없습니다'),
  'operand-extra': s('`{text}` is one word too many', '`{text}`은(는) 필요 없는 말입니다'),
  'set-form': s('`--set` takes path=value, not `{value}`', '`--set`은 path=value 형식입니다: `{value}`'),
  'part-unknown': s(
    'Machine {name} has no part {part}; it has: {parts}',
    '머신 {name}에 {part}이(가) 없습니다. 있는 것: {parts}',
  ),
  'nothing-to-change': s('Nothing to change was given', '바꿀 내용이 없습니다'),
  'no-drive': s(
    'Machine {name} has no CD drive; `decant machine attach {name} --cdrom IMAGE` gives it one at its next start',
    '머신 {name}에 CD 드라이브가 없습니다. `decant machine attach {name} --cdrom IMAGE` 명령으로 추가하면 다음 시작 때 생깁니다',
  ),
  'which-drive': s('Say which drive with `--drive`: {drives}', '`--drive`로 드라이브를 고르십시오: {drives}'),
  'file-unreadable': s('{path} cannot be read: {why}', '{path}을(를) 읽을 수 없습니다: {why}'),
  'file-shape': s(
    '{path} holds something that is no object: {why}',
    '{path}에 객체가 아닌 것이 있습니다: {why}',
  ),
  'verb-unchanged': s('{kind} {name}: already so', '{kind} {name}: 이미 그렇습니다'),
  // Changes
  created: s('{kind} {name} is created', '{kind} {name}을(를) 만들었습니다'),
  changed: s('{kind} {name} is changed', '{kind} {name}을(를) 바꾸었습니다'),
  unchanged: s('{kind} {name} is as wished already', '{kind} {name}은(는) 이미 원하는 상태입니다'),
  deleted: s('{kind} {name} is deleted', '{kind} {name}을(를) 삭제했습니다'),
  deleting: s('{kind} {name} is being deleted', '{kind} {name}을(를) 삭제하는 중입니다'),
  accepted: s('{kind} {name}: {what} is asked for', '{kind} {name}: {what} 요청을 접수했습니다'),
  done: s('{kind} {name}: {what} is done', '{kind} {name}: {what} 완료'),
  sent: s('{kind} {name}: {what} is sent', '{kind} {name}: {what} 전송 완료'),
  ready: s('{kind} {name} is ready', '{kind} {name}이(가) 준비되었습니다'),
  saved: s('{bytes} in {path}', '{path}에 {bytes} 저장'),
  waiting: s('waiting: {why}', '기다리는 중: {why}'),
  'goes-on': s(
    'Interrupted. What was asked for goes on: `{command}` shows it.',
    '중단했습니다. 요청한 작업은 계속됩니다. `{command}`(으)로 확인하십시오.',
  ),
  // Deletion
  'delete-ask': s('Delete {kind} {name}? {loses}', '{kind} {name}을(를) 삭제할까요? {loses}'),
  'delete-loses': s('This cannot be undone.', '되돌릴 수 없습니다.'),
  'delete-loses-disk': s(
    'It is switched off at once, and its boot disk {volume} is lost. This cannot be undone.',
    '바로 꺼지고 부팅 디스크 {volume}의 내용이 사라집니다. 되돌릴 수 없습니다.',
  ),
  'delete-loses-content': s(
    'Its content ({bytes}) is lost. This cannot be undone.',
    '내용({bytes})이 사라집니다. 되돌릴 수 없습니다.',
  ),
  'ask-form': s('[y/N] ', '[y/N] '),
  'ask-needs-yes': s(
    'Without a terminal to ask on, this needs `--yes`',
    '물어볼 터미널이 없으므로 `--yes`가 필요합니다',
  ),
  declined: s('Nothing was done', '아무 일도 하지 않았습니다'),
  // Listing
  'list-empty': s(
    'No {plural} yet. Make one: `{command}`',
    '{plural}이(가) 아직 없습니다. 만들기: `{command}`',
  ),
  'list-empty-plain': s('No {plural}', '{plural} 없음'),
  name: s('Name', '이름'),
  project: s('Project', '프로젝트'),
  description: s('Description', '설명'),
  labels: s('Labels', '레이블'),
  protected: s('Protected', '삭제 보호'),
  created_at: s('Created', '만든 때'),
  generation: s('Generation', '세대'),
  state: s('State', '상태'),
  wish: s('Wish', '원하는 상태'),
  status: s('Status', '현재 상태'),
  topology: s('Who is on it', '연결된 머신'),
  holds: s('Why not more', '보류 사유'),
  conditions: s('Conditions', '조건'),
  yes: s('yes', '예'),
  no: s('no', '아니요'),
  ago: s('{time} ago', '{time} 전'),
  deletingNow: s('being deleted', '삭제 중'),
  proof: s('Proof of life', '동작 증거'),
  'proof-line': s('the guest said “{word}”, {time} ago', '게스트가 “{word}”라고 말했습니다({time} 전)'),
  address: s('Address', '주소'),
  'address-line': s(
    'leads to port {port} of the guest ({protocol})',
    '게스트 포트 {port}({protocol})(으)로 연결',
  ),
  attach: s('Console', '콘솔'),
  'restart-required': s('Next start', '다음 시작 때'),
  // Machines
  image: s('Image', '이미지'),
  cpus: s('CPUs', 'CPU'),
  memory: s('Memory', '메모리'),
  disks: s('Disks', '디스크'),
  cdroms: s('CD drives', 'CD 드라이브'),
  nics: s('NICs', 'NIC'),
  shares: s('Shares', '공유 폴더'),
  'host-devices': s('Host devices', '호스트 장치'),
  'first-boot': s('First boot', '첫 부팅'),
  'as-image': s('as large as its image', '이미지 크기 그대로'),
  'from-image': s('from image {image}', '이미지 {image}에서'),
  'volume-named': s('volume {volume}', '볼륨 {volume}'),
  'empty-drive': s('empty', '비어 있음'),
  'any-port': s('any port', '아무 포트'),
  'read-only': s('read-only', '읽기 전용'),
  without: s('no {what}', '{what} 없음'),
  'ready-since': s('Ready', '준비됨'),
  'ready-line': s('since {since}, {by}', '{since}부터, {by}'),
  'by-word': s('by the word that it printed', '화면에 쓴 말로 확인'),
  'by-agent': s('by its agent', '게스트 에이전트로 확인'),
  'by-cloud-init': s('cloud-init is done', 'cloud-init 완료'),
  'stands-on': s('Stands on', '기준 스냅샷'),
  addresses: s('Addresses', '받은 주소'),
  inside: s('Inside', '게스트 내부'),
  'inside-addresses': s('Its addresses', '게스트가 쓰는 주소'),
  'all-fields': s('every field: --all', '모든 항목: --all'),
  // Plans
  'plan-nothing': s('Nothing would be done', '할 일이 없습니다'),
  'plan-steps': s('Would do', '할 일'),
  'plan-holds': s('Would wait for', '기다릴 일'),
  'plan-predicted': s('Then', '그 뒤'),
  'apply-create': s('create', '만듦'),
  'apply-change': s('change', '바꿈'),
  'apply-keep': s('unchanged', '그대로'),
  'apply-failed': s('failed', '실패'),
  'apply-sum': s(
    '{created} created, {changed} changed, {kept} unchanged, {failed} failed',
    '만듦 {created}, 바꿈 {changed}, 그대로 {kept}, 실패 {failed}',
  ),
  'plan-sum': s(
    'would create {created}, change {changed}; {kept} unchanged, {failed} refused',
    '만들 것 {created}, 바꿀 것 {changed}, 그대로 {kept}, 거부 {failed}',
  ),
  // Consoles
  'console-entry': s(
    'Console of {name}. Detach with Ctrl-]; press Enter for a prompt.',
    '{name}의 콘솔입니다. Ctrl-]로 빠져나오며, Enter를 누르면 프롬프트가 나옵니다.',
  ),
  'console-left': s('Detached; {name} runs on.', '콘솔에서 나왔습니다. {name}은(는) 계속 실행됩니다.'),
  'console-ended': s('The console of {name} ended.', '{name}의 콘솔이 끝났습니다.'),
  'console-again': s(
    '{name} is away ({why}); attaching again…',
    '{name} 연결이 끊겼습니다({why}). 다시 연결합니다…',
  ),
  // Figures
  'top-host': s('Host', '호스트'),
  'top-steal': s('Steal', '스틸'),
  'top-memory': s('Memory', '메모리'),
  'top-disk': s('Disk read, write', '디스크 읽기, 쓰기'),
  'top-latency': s('Latency', '지연'),
  'top-network': s('Network in, out', '네트워크 수신, 송신'),
  'top-load': s('Load', '부하'),
  'top-bound': s('Bound by', '막고 있는 것'),
  'top-machines': s('{time}  {shown} machines; Ctrl-C ends', '{time}  머신 {shown}개. Ctrl-C로 끝냄'),
  'top-hosts': s('{time}  {shown} hosts; Ctrl-C ends', '{time}  호스트 {shown}개. Ctrl-C로 끝냄'),
  'top-empty': s(
    'Nothing has been measured in the last minute; a first sample takes ten seconds',
    '최근 1분간 측정값이 없습니다. 첫 측정에는 10초가 걸립니다',
  ),
  'metrics-empty': s(
    'Nothing was measured of {kind} {name} in that time',
    '그 기간에 {kind} {name}의 측정값이 없습니다',
  ),
  'metrics-figure': s('Figure', '항목'),
  'metrics-course': s('Last {time}, by {step}', '최근 {time}, {step} 단위'),
  'metrics-last': s('Now', '현재'),
  'metrics-mean': s('Mean', '평균'),
  'metrics-least': s('Least', '최소'),
  'metrics-most': s('Most', '최대'),
  // Watching
  'watch-cut': s('Connection lost ({why}); again in {time}', '연결이 끊겼습니다({why}). {time} 후 다시 연결'),
  gone: s('gone', '사라짐'),
  // Uploads
  'upload-progress': s('{sent} of {total}, {rate}/s, {eta} left', '{sent}/{total}, {rate}/s, {eta} 남음'),
  'output-cut': s('Only the first {limit} of its output are shown', '출력 중 처음 {limit}만 표시합니다'),
  'copy-ends': s(
    'one of SOURCE and TARGET is `NAME:PATH` in a machine, the other a file here',
    'SOURCE와 TARGET 중 하나는 머신 안의 `NAME:PATH`, 다른 하나는 이 컴퓨터의 파일이어야 합니다',
  ),
  'upload-broken': s(
    'The connection broke ({why}); the upload goes on',
    '연결이 끊겼습니다({why}). 업로드를 이어서 계속합니다',
  ),
  'export-progress': s('{sent} of {total}, {rate}/s, {eta} left', '{sent}/{total}, {rate}/s, {eta} 남음'),
  'not-carried': s('Not carried over: {what}', '옮기지 못한 항목: {what}'),
  'disk-content': s(
    'The content of {target} ({file}) is not here: say where it is by --disk {target}=FILE or IMAGE, or =none',
    '{target}({file})의 내용이 여기에 없습니다. --disk {target}=파일 또는 이미지, 또는 =none으로 지정하십시오',
  ),
  'libvirt-lost': s('Not carried over ({count}):', '옮기지 못한 항목({count}개):'),
  'libvirt-changed': s('Carried over in another way ({count}):', '다르게 옮긴 항목({count}개):'),
  'libvirt-own': s('Decided by Decant itself ({count}):', 'Decant가 스스로 정하는 항목({count}개):'),
  'upload-done': s('{total} uploaded in {time}', '{time} 동안 {total} 업로드'),
  // People
  'login-link': s(
    'Open this link once, within {minutes} minutes, to sign in as {user}:',
    '{minutes}분 안에 이 링크를 한 번 열면 {user}(으)로 로그인합니다:',
  ),
  'login-remote': s(
    'From another computer, first: ssh -L {port}:127.0.0.1:{port} {host}',
    '다른 컴퓨터에서는 먼저: ssh -L {port}:127.0.0.1:{port} {host}',
  ),
  'token-once': s('The secret, shown only now:', '비밀 값(지금만 표시됩니다):'),
  'audit-whole': s('{records} records; the chain is whole', '기록 {records}개. 사슬이 온전합니다'),
  'audit-broken': s(
    'The chain of {records} records is broken at record {at}',
    '기록 {records}개의 사슬이 {at}번에서 끊겼습니다',
  ),
  'status-runs': s('Decant {version} answers at {url}', 'Decant {version}이(가) {url}에서 응답합니다'),
  'trust-none': s(
    'This Decant serves plain HTTP on this machine only; there is no certificate to trust.',
    '이 Decant는 이 머신에서만 일반 HTTP로 동작하므로 신뢰할 인증서가 없습니다.',
  ),
  'trust-how': s(
    'The certificate authority of this Decant, SHA-256 {print}.\nTrust it on a computer that talks to it:\n  Debian: copy the file to /usr/local/share/ca-certificates/decant.crt, then update-ca-certificates\n  one program: DECANT_CA={path}\nTake it over a way that you trust, and compare the fingerprint.',
    '이 Decant의 인증 기관, SHA-256 {print}.\n접속할 컴퓨터에서 신뢰하려면:\n  Debian: 파일을 /usr/local/share/ca-certificates/decant.crt로 복사한 뒤 update-ca-certificates\n  프로그램 하나만: DECANT_CA={path}\n믿을 수 있는 경로로 옮기고 지문을 비교하십시오.',
  ),
  // Help
  'help-title': s(
    'A virtual datacenter that starts with one command',
    '명령 하나로 시작하는 가상 데이터센터',
  ),
  'help-usage': s('Usage', '사용법'),
  'help-commands': s('Commands', '명령'),
  'help-kinds': s('Kinds', '종류'),
  'help-actions': s('Actions', '동작'),
  'help-flags': s('Flags', '플래그'),
  'help-everywhere': s('Flags of every command', '모든 명령의 플래그'),
  'help-more': s(
    '`decant help COMMAND` says more; `decant explain KIND` describes the fields.',
    '`decant help COMMAND`에 자세한 설명이, `decant explain KIND`에 필드 설명이 있습니다.',
  ),
  'help-exits': s('Exit codes', '종료 코드'),
} as const satisfies Record<string, Sentence>

export type Word = keyof typeof words
