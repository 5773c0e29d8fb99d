/** Problems of networks that the host's kernel carries. */

import { s, tryLater, type Entry } from './entry.ts'

export const networksProblems = {
  'network/driver-unusable': {
    status: 503,
    exit: 3,
    retry: 'after-change',
    title: s('The host cannot carry this network', '호스트가 이 네트워크를 제공할 수 없습니다'),
    detail: s(
      'This host cannot carry networks with driver {driver}: {why}.',
      '이 호스트에서 {driver} 드라이버 네트워크를 쓸 수 없습니다: {why}.',
    ),
    advice: s(
      'Start Decant as root and install nftables, iproute2 and dnsmasq-base, or use a network with driver user.',
      'Decant를 root로 시작하고 nftables, iproute2, dnsmasq-base를 설치하거나 user 드라이버 네트워크를 쓰십시오.',
    ),
  },
  'network/not-told': {
    status: 503,
    exit: 6,
    retry: 'later',
    title: s('The host does not know the network yet', '호스트가 네트워크를 아직 모릅니다'),
    detail: s(
      'The host was not told of network {network} yet.',
      '호스트가 네트워크 {network} 정보를 아직 받지 못했습니다.',
    ),
    advice: tryLater,
  },
  'network/subnet-overlap': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('Two networks overlap', '네트워크 주소가 겹칩니다'),
    detail: s(
      'Subnet {subnet} overlaps {other}, which this host has already.',
      '서브넷 {subnet}이(가) 이 호스트에 이미 있는 {other}과(와) 겹칩니다.',
    ),
    advice: s('Give one of them another subnet.', '한쪽에 다른 서브넷을 지정하십시오.'),
  },
  'network/interface-missing': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('The host has no such interface', '호스트에 없는 인터페이스입니다'),
    detail: s('The host has no interface {interface}.', '호스트에 {interface} 인터페이스가 없습니다.'),
    advice: s('Name an interface of the host.', '호스트에 있는 인터페이스를 지정하십시오.'),
  },
  'network/interface-in-use': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('The interface is in use', '인터페이스가 사용 중입니다'),
    detail: s(
      'Interface {interface} is not free: {why}.',
      '인터페이스 {interface}을(를) 쓸 수 없습니다: {why}.',
    ),
    advice: s(
      'Use an interface that the host itself does not need, or a VLAN on it.',
      '호스트가 쓰지 않는 인터페이스나 그 위의 VLAN을 쓰십시오.',
    ),
  },
  'network/vlan-missing': {
    status: 503,
    exit: 3,
    retry: 'after-change',
    title: s("The host's kernel has no VLANs", '호스트 커널에 VLAN이 없습니다'),
    detail: s(
      'VLAN {vlan} on {interface} cannot be made: {why}',
      '{interface}에 VLAN {vlan}을(를) 만들 수 없습니다: {why}',
    ),
    advice: s(
      'Load the kernel module 8021q, or use a network without VLAN.',
      '커널 모듈 8021q를 올리거나 VLAN 없는 네트워크를 쓰십시오.',
    ),
  },
  'network/name-taken': {
    status: 409,
    exit: 3,
    retry: 'after-change',
    title: s('An interface of that name is not ours', '같은 이름의 다른 인터페이스가 있습니다'),
    detail: s(
      'Interface {interface} is there and was not made by Decant; it was left alone.',
      'Decant가 만들지 않은 인터페이스 {interface}이(가) 이미 있어 그대로 두었습니다.',
    ),
    advice: s('Rename or remove that interface by hand.', '해당 인터페이스의 이름을 바꾸거나 제거하십시오.'),
  },
} as const satisfies Record<string, Entry>
