/** What bounds a machine now, and what to do about it: the findings of `engines/bottleneck`. */

import type { Sentence } from '../sentence.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

export const bounds = {
  'bound/cpu': s(
    'Its CPUs are {percent}% busy ({cpus} of them): it needs more. Raise `cpus`, or find what runs in it',
    'CPU {cpus}개의 사용률이 {percent}%로 부족합니다. `cpus`를 늘리거나 안에서 무엇이 실행되는지 확인하십시오',
  ),
  'bound/one-cpu': s(
    'One of its {cpus} CPUs is {percent}% busy and the others are not: one thread does the work. More CPUs would not help; a faster one would, or work in parallel',
    'CPU {cpus}개 중 하나만 {percent}% 사용 중입니다. 스레드 하나가 일하고 있어 CPU를 늘려도 빨라지지 않습니다. 더 빠른 CPU나 병렬 처리가 필요합니다',
  ),
  'bound/neighbours': s(
    'Its CPUs wait {percent}% of their time for a CPU of host {host}: too many machines want them. Move it or a busy neighbour to another host',
    'CPU가 {percent}%의 시간 동안 호스트 {host}의 CPU를 기다립니다. 머신이 너무 많습니다. 이 머신이나 바쁜 이웃을 다른 호스트로 옮기십시오',
  ),
  'bound/host-steal': s(
    'Its CPUs wait {percent}% of their time, for host {host} is itself virtual and is kept from its CPUs for {hostPercent}% of its time. Only the owner of that host can help',
    'CPU가 {percent}%의 시간 동안 기다립니다. 호스트 {host} 자체가 가상 머신이며 {hostPercent}%의 시간 동안 CPU를 받지 못합니다. 그 호스트의 소유자만 해결할 수 있습니다',
  ),
  'bound/memory': s(
    'Its memory is used up: {usedMib} of {sizeMib} MiB, {percent}% left. Raise `memory`, or find what holds it',
    '메모리가 부족합니다: {sizeMib} MiB 중 {usedMib} MiB 사용, {percent}% 남음. `memory`를 늘리거나 무엇이 쓰는지 확인하십시오',
  ),
  'bound/balloon': s(
    'Its memory is used up ({percent}% of {sizeMib} MiB left) while the balloon holds {balloonedMib} MiB of it: give that back',
    '메모리가 부족한데({sizeMib} MiB 중 {percent}% 남음) 벌룬이 {balloonedMib} MiB를 가지고 있습니다. 벌룬을 줄여 돌려주십시오',
  ),
  'bound/host-memory': s(
    'Host {host} has swapped out {swappedMib} MiB of its memory and reads it back: the host is short of memory. Move machines away',
    '호스트 {host}이(가) 이 머신의 메모리 {swappedMib} MiB를 스왑했다가 다시 읽고 있습니다. 호스트 메모리가 부족하니 머신을 옮기십시오',
  ),
  'bound/disk': s(
    'It waits for {disk}: {queue} requests at a time, {latencyMs} ms each, {mib} MiB/s. A faster datastore, fewer or larger requests would help',
    '{disk}을(를) 기다립니다: 동시 요청 {queue}개, 각 {latencyMs} ms, {mib} MiB/s. 더 빠른 데이터스토어나 더 적고 큰 요청이 도움이 됩니다',
  ),
  'bound/busy-datastore': s(
    'It waits for {disk} ({queue} requests at a time, {latencyMs} ms each, {mib} MiB/s), for others keep datastore {datastore} on host {host} {percent}% busy. Bound them, or move the disk',
    '{disk}을(를) 기다립니다(동시 요청 {queue}개, 각 {latencyMs} ms, {mib} MiB/s). 호스트 {host}의 데이터스토어 {datastore}을(를) 다른 머신이 {percent}% 사용하고 있습니다. 그 머신을 제한하거나 디스크를 옮기십시오',
  ),
  'bound/disk-limit': s(
    'Disk {disk} is at {percent}% of the bound that was set for it, {bound}. Raise that bound, or spread the work',
    '디스크 {disk}이(가) 설정한 제한 {bound}의 {percent}%에 이르렀습니다. 제한을 올리거나 작업을 나누십시오',
  ),
  'bound/network-limit': s(
    'NIC {nic} is at {percent}% of the bound that was set for it, {mbit} Mbit/s. Raise that bound, or send less',
    'NIC {nic}이(가) 설정한 제한 {mbit} Mbit/s의 {percent}%에 이르렀습니다. 제한을 올리거나 전송량을 줄이십시오',
  ),
  'bound/network-drops': s(
    'NIC {nic} loses {dropped} packets a second, {percent}% of all: it cannot take them fast enough. More CPU or fewer, larger packets would help',
    'NIC {nic}에서 초당 패킷 {dropped}개, 전체의 {percent}%가 버려집니다. 처리가 느립니다. CPU를 늘리거나 더 적고 큰 패킷을 쓰십시오',
  ),
  'bound/nothing': s(
    'Nothing bounds it: its CPUs are {percent}% busy, and it waits for nothing that is measured',
    '막고 있는 것이 없습니다. CPU 사용률은 {percent}%이며 측정되는 것 중 기다리는 것이 없습니다',
  ),
  'bound/unknown': s(
    'Nobody has measured it in the last minutes: it does not run, or its host does not answer',
    '최근 몇 분간 측정값이 없습니다. 실행 중이 아니거나 호스트가 응답하지 않습니다',
  ),
} as const satisfies Record<string, Sentence>
