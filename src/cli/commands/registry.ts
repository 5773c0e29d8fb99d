/** The commands that are not kinds. Each is loaded only when it is run: start-up time is felt at every call. */

import type { Sentence } from '#model/sentence.ts'
import { kindNamed } from '#kinds/registry.ts'
import { argumentsFrom, type Arguments } from '../arguments.ts'
import type { Command, Context, Flag } from '../command.ts'
import { waitFlag } from '../nouns/settle.ts'
import { wishFlags } from '../nouns/wishing.ts'
import { helpCommand, versionCommand } from './help.ts'

type Run = (args: Arguments, context: Context) => Promise<number>

type Lazy = {
  readonly name: string
  readonly summary: Sentence
  readonly usage: string
  readonly names?: string
  readonly flags?: () => readonly Flag[]
  readonly load: () => Promise<Run>
}

const lazy = ({ load, flags = () => [], ...rest }: Lazy): Command => ({
  ...rest,
  get flags() {
    return flags()
  },
  run: async (argv, context) =>
    (await load())(argumentsFrom(argv, flags(), context.options.language), context),
})

const s = (en: string, ko: string): Sentence => ({ en, ko })
const machineFlags = (): readonly Flag[] => {
  const machine = kindNamed('machine')
  return machine === undefined ? [] : wishFlags(machine).filter(({ name }) => name !== 'image')
}

const fileFlag: Flag = {
  name: 'file',
  short: 'f',
  value: 'FILE|DIR|-',
  isRepeatable: true,
  summary: 'YAML or JSON, several documents in one; a folder; standard input',
}
const lingerFlag: Flag = {
  name: 'linger',
  value: 'SECONDS',
  summary: 'When the input is no terminal: end after so much silence at its end (2)',
}
const scopeFlags: readonly Flag[] = [
  { name: 'kind', value: 'KIND', summary: 'Only those of a kind' },
  { name: 'name', value: 'NAME', summary: 'Only those of an object' },
  { name: 'limit', value: 'N', summary: 'At most so many of the newest (50)' },
]

export const commands: readonly Command[] = [
  lazy({
    name: 'run',
    summary: s('Create a machine from an image and attach to it', '이미지로 머신을 만들어 콘솔에 연결'),
    usage: 'run IMAGE [--name NAME] [--rm] [--detach] [FLAGS]',
    names: 'image',
    flags: () => [
      { name: 'name', value: 'NAME', summary: 'Its name; else one is made up' },
      { name: 'rm', summary: 'Delete it when you are done with it' },
      { name: 'detach', short: 'd', summary: 'Do not attach' },
      ...machineFlags(),
      waitFlag,
      lingerFlag,
    ],
    load: async () => (await import('./run.ts')).run,
  }),
  lazy({
    name: 'console',
    summary: s("Attach to a machine's serial console", '머신의 시리얼 콘솔에 연결'),
    usage: 'console NAME',
    names: 'machine',
    flags: () => [lingerFlag],
    load: async () => (await import('./console.ts')).console,
  }),
  lazy({
    name: 'apply',
    summary: s('Make objects as files describe them', '파일에 적힌 대로 객체를 만들거나 바꿈'),
    usage: 'apply -f FILE|DIR|- [--wait]',
    flags: () => [fileFlag, waitFlag],
    load: async () => (await import('./apply.ts')).apply,
  }),
  lazy({
    name: 'plan',
    summary: s('Say what apply would do, and do nothing', '적용하면 무엇이 바뀌는지 보기만 함'),
    usage: 'plan -f FILE|DIR|-',
    flags: () => [fileFlag],
    load: async () => (await import('./apply.ts')).plan,
  }),
  lazy({
    name: 'watch',
    summary: s('Show objects and each change of them', '객체와 그 변화를 계속 보여 줌'),
    usage: 'watch [KIND…] [--label KEY=VALUE]',
    flags: () => [
      { name: 'label', value: 'KEY=VALUE', isRepeatable: true, summary: 'Only those with the label' },
    ],
    load: async () => (await import('./watch.ts')).watch,
  }),
  lazy({
    name: 'top',
    summary: s('Show what machines use, and what bounds them', '머신의 사용량과 막고 있는 것 보기'),
    usage: 'top [--hosts] [--sort FIGURE] [--once]',
    flags: () => [
      { name: 'hosts', summary: 'Hosts instead of machines' },
      {
        name: 'sort',
        value: 'FIGURE',
        choices: ['cpu', 'steal', 'memory', 'disk', 'network', 'name'],
        summary: 'Which figure comes first (cpu)',
      },
      { name: 'limit', value: 'N', summary: 'At most so many (50)' },
      {
        name: 'interval',
        value: 'SECONDS',
        summary: 'Ask again after so long (5); also where nobody watches',
      },
      { name: 'once', summary: 'Say it once, and end' },
    ],
    load: async () => (await import('./top.ts')).top,
  }),
  lazy({
    name: 'events',
    summary: s('Show what happened', '일어난 일 보기'),
    usage: 'events [--follow] [--kind KIND] [--name NAME]',
    flags: () => [{ name: 'follow', summary: 'Go on with what happens from now' }, ...scopeFlags],
    load: async () => (await import('./ledger.ts')).events,
  }),
  lazy({
    name: 'audit',
    summary: s('Show who changed what', '누가 무엇을 바꾸었는지 보기'),
    usage: 'audit [--verify] [--kind KIND] [--name NAME]',
    flags: () => [{ name: 'verify', summary: 'Check the whole chain of records' }, ...scopeFlags],
    load: async () => (await import('./ledger.ts')).audit,
  }),
  lazy({
    name: 'explain',
    summary: s('Describe a kind or one of its fields', '종류나 필드 설명'),
    usage: 'explain KIND[.FIELD]',
    load: async () => (await import('./explain.ts')).explain,
  }),
  lazy({
    name: 'status',
    summary: s('Whether Decant runs, and with what', 'Decant 실행 상태'),
    usage: 'status',
    load: async () => (await import('./status.ts')).status,
  }),
  lazy({
    name: 'login',
    summary: s('Make a link that signs a browser in, once', '브라우저 로그인 링크 만들기(한 번만 사용)'),
    usage: 'login [--user NAME]',
    flags: () => [{ name: 'user', value: 'NAME', names: 'user', summary: 'As whom; default: you' }],
    load: async () => (await import('./people.ts')).login,
  }),
  lazy({
    name: 'trust',
    summary: s("Explain and export this Decant's certificate authority", '인증 기관 설명과 내보내기'),
    usage: 'trust [--output FILE]',
    flags: () => [{ name: 'output', short: 'o', value: 'FILE', summary: 'Write the certificate there' }],
    load: async () => (await import('./people.ts')).trust,
  }),
  lazy({
    name: 'completion',
    summary: s('Print the completion of a shell', '셸 자동 완성 스크립트'),
    usage: 'completion bash|zsh|fish',
    load: async () => (await import('./completion.ts')).completion,
  }),
  versionCommand,
  helpCommand,
]

/** What shells ask while somebody types; nothing for people to see. */
export const completeCommand: Command = {
  name: 'complete',
  summary: s('Say what can be typed next', '다음에 올 수 있는 말'),
  usage: 'complete -- WORD…',
  run: async (argv, context) =>
    (await import('./completion.ts')).complete(argv[0] === '--' ? argv.slice(1) : argv, context),
}
