/** The catalogue of reasons: why something waits (a hold) or is not allowed now (a refusal). */

import type { Sentence } from '../sentence.ts'
import { machinesReasons } from './reasons/machines.ts'
import { bounds } from './bounds.ts'

const s = (en: string, ko: string): Sentence => ({ en, ko })

export const reasons = {
  ...machinesReasons,
  // Machine
  'machine/no-image': s('Image {image} is not ready yet', '이미지 {image}이(가) 아직 준비되지 않았습니다'),
  'machine/image-failed': s('Image {image} failed', '이미지 {image}이(가) 실패했습니다'),
  'machine/no-host': s('No host can take it: {rejected}', '받을 수 있는 호스트가 없습니다: {rejected}'),
  'machine/no-room': s(
    'Host {host} has no room for what it wishes more; it goes on with what it has',
    '호스트 {host}에 여유가 없어 늘리지 못하고 지금 크기로 계속합니다',
  ),
  'machine/port-taken': s(
    'Host port {port} ({protocol}) at {address} belongs to machine {machine}',
    '호스트 {address}의 {protocol} 포트 {port}은(는) 머신 {machine}의 것입니다',
  ),
  'machine/no-hosts': s('The pool has no host yet', '풀에 호스트가 아직 없습니다'),
  'machine/volume-not-ready': s(
    'Volume {volume} is not ready yet',
    '볼륨 {volume}이(가) 아직 준비되지 않았습니다',
  ),
  'machine/volume-in-use': s(
    'Volume {volume} belongs to another machine',
    '볼륨 {volume}은(는) 다른 머신의 것입니다',
  ),
  'machine/guest-leaving': s(
    'The guest is being removed from host {host}',
    '호스트 {host}에서 게스트를 제거하는 중입니다',
  ),
  'machine/volume-leaving': s('Volume {volume} is being deleted', '볼륨 {volume}을(를) 삭제하는 중입니다'),
  'machine/host-silent': s(
    'Host {host} has not answered since {since}; the guest may well run on',
    '호스트 {host}이(가) {since}부터 응답하지 않습니다. 게스트는 계속 실행 중일 수 있습니다',
  ),
  'machine/restart-required': s(
    'Takes effect at the next start: {fields}',
    '다음 시작 때 적용됩니다: {fields}',
  ),
  'machine/not-running': s('The machine does not run', '머신이 실행 중이 아닙니다'),
  'machine/not-paused': s('The machine is not paused', '머신이 일시 정지 상태가 아닙니다'),
  // Guest
  'guest/epoch-stale': s(
    'A newer body of this machine exists (epoch {seen})',
    '이 머신의 더 새로운 게스트가 있습니다(에포크 {seen})',
  ),
  'guest/volume-not-ready': s(
    'Volume {volume} is not ready on this host',
    '이 호스트에서 볼륨 {volume}이(가) 준비되지 않았습니다',
  ),
  'guest/volume-growing': s('Volume {volume} grows first', '볼륨 {volume}의 크기를 먼저 늘립니다'),
  'guest/image-not-ready': s(
    'The image is not ready on this host',
    '이 호스트에서 이미지가 준비되지 않았습니다',
  ),
  'guest/starting': s('QEMU is starting', 'QEMU가 시작되는 중입니다'),
  'guest/stopping': s(
    'The guest was asked to power down {seconds}s ago; by force after {forceSeconds}s',
    '{seconds}초 전에 종료를 요청했습니다. {forceSeconds}초 후 강제 종료합니다',
  ),
  'guest/powered-itself-off': s(
    'The guest powered itself off; start it to run it again',
    '게스트가 스스로 꺼졌습니다. 다시 실행하려면 시작하십시오',
  ),
  'guest/crash-pause': s(
    'The guest crashed {crashes} times; the next start is in {seconds}s',
    '게스트가 {crashes}번 비정상 종료했습니다. {seconds}초 후 다시 시작합니다',
  ),
  'guest/crashed': s(
    'The guest crashed and its policy is not to start it again',
    '게스트가 비정상 종료했고, 재시작 정책에 따라 다시 시작하지 않습니다',
  ),
  'guest/not-ours': s(
    'Process {pid} is not provably this guest; it is left alone',
    '프로세스 {pid}이(가) 이 게스트인지 확인할 수 없어 그대로 둡니다',
  ),
  'guest/unclaimed': s(
    'Nobody wishes this guest here; it runs on until it is adopted or removed',
    '이 게스트에 해당하는 머신이 없습니다. 편입하거나 제거할 때까지 계속 실행됩니다',
  ),
  'guest/io-stopped': s(
    'The guest waits because its datastore cannot write',
    '데이터스토어에 기록할 수 없어 게스트가 기다립니다',
  ),
  'guest/clings': s(
    'The guest does not let go of {part}; it is asked again',
    '게스트가 {part}을(를) 놓지 않아 다시 요청합니다',
  ),
  'guest/no-slot': s(
    'The running guest has no free slot for {part}; it comes with the next start',
    '실행 중인 게스트에 {part}을(를) 위한 빈 슬롯이 없습니다. 다음 시작 때 적용됩니다',
  ),
  'guest/change-failed': s(
    '{part} could not be changed and is tried again: {why}',
    '{part}을(를) 변경하지 못해 다시 시도합니다: {why}',
  ),
  'guest/change-pending': s('{part} is being changed', '{part}을(를) 변경하는 중입니다'),
  'guest/restart-required': s(
    'The running guest cannot take these; they come with the next start: {fields}',
    '실행 중인 게스트에 적용할 수 없어 다음 시작 때 적용됩니다: {fields}',
  ),
  'guest/paused-changes': s(
    'The guest is paused; changes follow when it goes on',
    '게스트가 일시 정지되어 있어 다시 진행할 때 변경합니다',
  ),
  'guest/memory-held': s(
    'The guest has {hasMib} MiB instead of {wishedMib}; it gives and takes as it can',
    '게스트 메모리가 {wishedMib} MiB가 아니라 {hasMib} MiB입니다. 게스트가 허용하는 만큼 조정합니다',
  ),
  'guest/network-not-told': s(
    'This host has not been told of its network yet',
    '이 호스트가 네트워크 정보를 아직 받지 못했습니다',
  ),
  'guest/volume-in-use': s(
    'Another guest on this host still has volume {volume} open',
    '이 호스트의 다른 게스트가 볼륨 {volume}을(를) 아직 열고 있습니다',
  ),
  'guest/memory-missing': s(
    'The memory that snapshot {snapshot} kept is not on this host; it is not started in another state',
    '스냅샷 {snapshot}의 메모리가 이 호스트에 없어 다른 상태로 시작하지 않습니다',
  ),
  'machine/memory-parts': s(
    'The memory of the snapshot knows {part}, which cannot be brought back',
    '스냅샷의 메모리가 아는 {part}을(를) 되돌릴 수 없습니다',
  ),
  'guest/memory-parts': s(
    'The memory that it goes on from knows {part}, which is no longer wished: bring it back, or reboot',
    '되살릴 메모리가 아는 {part}이(가) 더 이상 설정에 없습니다. 다시 추가하거나 재부팅하십시오',
  ),
  'guest/memory-left': s(
    'The host stopped over the return to snapshot {snapshot}; it booted from its disks instead',
    '스냅샷 {snapshot}(으)로 돌아가는 중 호스트가 멈추어 디스크에서 부팅했습니다',
  ),
  'guest/watchdog': s(
    'Its watchdog has paused the guest; resume or restart it',
    '와치독이 게스트를 멈췄습니다. 다시 진행하거나 재시작하십시오',
  ),
  'guest/cloud-init-failed': s(
    'The first boot configuration failed inside the guest: {why}',
    '게스트의 첫 부팅 설정이 실패했습니다: {why}',
  ),
  // Network
  'network/full': s(
    'Network {network} has no free address in {subnet}',
    '네트워크 {network}의 {subnet}에 남은 주소가 없습니다',
  ),
  'network/address-outside': s(
    'Address {address} is not one that network {network} can give',
    '{address}은(는) 네트워크 {network}에서 쓸 수 없는 주소입니다',
  ),
  'network/address-taken': s(
    'Address {address} on network {network} belongs to another machine',
    '네트워크 {network}의 주소 {address}은(는) 다른 머신의 것입니다',
  ),
  'network/names-down': s(
    'On host {host} the server of addresses and names of network {network} does not run: {why}',
    '호스트 {host}에서 네트워크 {network}의 주소와 이름 서버(dnsmasq)가 실행되지 않습니다: {why}',
  ),
  'network/forward-refused': s(
    'Another firewall of host {host} drops what it does not know ({chain}), and so packets of network {network}: let it accept interfaces {interfaces} both ways, for Docker by: iptables -I DOCKER-USER -i {interfaces} -j ACCEPT; iptables -I DOCKER-USER -o {interfaces} -j ACCEPT',
    '호스트 {host}의 다른 방화벽({chain})이 네트워크 {network}의 패킷을 버립니다. 인터페이스 {interfaces}의 양방향을 허용하십시오. Docker라면: iptables -I DOCKER-USER -i {interfaces} -j ACCEPT; iptables -I DOCKER-USER -o {interfaces} -j ACCEPT',
  ),
  'network/not-carried': s(
    'Host {host} cannot carry network {network} as it is wished: {why}',
    '호스트 {host}에서 네트워크 {network}을(를) 설정대로 제공할 수 없습니다: {why}',
  ),
  'network/needs-bridge': s(
    'NIC {nic} is on {network}, a network with driver user; this is not kept there: {fields}. It needs a bridge network',
    'NIC {nic}의 네트워크 {network}은(는) user 드라이버라서 다음을 지킬 수 없습니다: {fields}. bridge 네트워크가 필요합니다',
  ),
  // Volume, image, datastore
  'volume/image-not-ready': s(
    'Image {image} is not ready yet',
    '이미지 {image}이(가) 아직 준비되지 않았습니다',
  ),
  'volume/datastore-not-ready': s(
    'Datastore {datastore} is not ready',
    '데이터스토어 {datastore}이(가) 준비되지 않았습니다',
  ),
  'volume/in-use': s('A running guest uses the volume', '실행 중인 게스트가 볼륨을 사용합니다'),
  'volume/shrink': s(
    'A volume cannot shrink from {haveMib} to {wantedMib} MiB',
    '볼륨은 {haveMib} MiB에서 {wantedMib} MiB로 줄일 수 없습니다',
  ),
  'volume/grow-stopped-only': s(
    'The volume grows when its machine is stopped',
    '볼륨은 머신이 멈췄을 때 늘어납니다',
  ),
  'volume/grows-with-guest': s('Its running guest makes it larger', '실행 중인 게스트가 볼륨을 늘립니다'),
  'volume/encrypted-needs-qcow2': s(
    'Only a qcow2 volume can be encrypted',
    'qcow2 볼륨만 암호화할 수 있습니다',
  ),
  'volume/no-key': s('The key of the volume has not come yet', '볼륨의 키가 아직 오지 않았습니다'),
  'volume/snapshot-missing': s(
    'The volume has nothing of snapshot {snapshot}',
    '볼륨에 스냅샷 {snapshot}의 내용이 없습니다',
  ),
  'volume/snapshot-not-ready': s(
    'Snapshot {snapshot} is not ready yet',
    '스냅샷 {snapshot}이(가) 아직 준비되지 않았습니다',
  ),
  'volume/merge-waits': s(
    'A deleted layer is merged once its guest goes on with the newest one',
    '게스트가 최신 레이어로 넘어가면 삭제된 레이어를 병합합니다',
  ),
  'volume/move-has-snapshots': s(
    'A volume moves to another datastore only without snapshots',
    '스냅샷이 없는 볼륨만 다른 데이터스토어로 옮길 수 있습니다',
  ),
  'snapshot/another': s(
    'Snapshot {snapshot} of the machine comes first',
    '이 머신의 스냅샷 {snapshot}을(를) 먼저 처리합니다',
  ),
  'snapshot/volume-not-ready': s('Volume {volume} is not ready', '볼륨 {volume}이(가) 준비되지 않았습니다'),
  'snapshot/no-disks': s('The machine has no disk yet', '머신에 아직 디스크가 없습니다'),
  'snapshot/no-machine': s('There is no machine {machine}', '머신 {machine}이(가) 없습니다'),
  'snapshot/too-deep': s(
    'Volume {volume} already has {limit} layers; delete a snapshot first',
    '볼륨 {volume}에 이미 레이어가 {limit}개 있습니다. 먼저 스냅샷을 삭제하십시오',
  ),
  'snapshot/guest-busy': s('The guest is starting or ending', '게스트가 시작되거나 끝나는 중입니다'),
  'snapshot/not-running': s(
    'Memory can be kept only while the machine runs',
    '머신이 실행 중일 때만 메모리를 저장할 수 있습니다',
  ),
  'snapshot/no-agent': s(
    'The guest agent does not answer, and without it nothing is frozen',
    '게스트 에이전트가 응답하지 않아 파일 시스템을 멈출 수 없습니다',
  ),
  'snapshot/memory-plain': s(
    'Memory is not kept of a machine with encrypted disks: it would lie there unencrypted',
    '암호화된 디스크가 있는 머신의 메모리는 암호화되지 않은 채 남으므로 저장하지 않습니다',
  ),
  'snapshot/unfit': s(
    'Its memory was kept under {what}, which this host no longer offers',
    '이 메모리는 {what}에서 저장되었으나 이 호스트에 더 이상 없습니다',
  ),
  'snapshot/memory-lost': s(
    'The memory of its moment could not be written to the end',
    '그 순간의 메모리를 끝까지 기록하지 못했습니다',
  ),
  'datastore/filling': s(
    'Datastore {datastore} is {percent} % full',
    '데이터스토어 {datastore}이(가) {percent}% 찼습니다',
  ),
  'datastore/overcommitted': s(
    'Its volumes may grow to {promisedMib} MiB, more than {limitMib} MiB',
    '볼륨이 {promisedMib} MiB까지 커질 수 있어 한도 {limitMib} MiB를 넘습니다',
  ),
  'image/waiting-for-content': s('Waiting for the content to be uploaded', '내용 업로드를 기다립니다'),
  'image/uploading': s('The content is being uploaded', '내용을 업로드하는 중입니다'),
  'image/building': s('The image is being built', '이미지를 만드는 중입니다'),
  'image/failed': s('{why}', '{why}'),
  'image/in-use': s(
    'Volume {volume} stands on this image',
    '볼륨 {volume}이(가) 이 이미지를 바탕으로 합니다',
  ),
  'image/volume-absent': s('Volume {volume} is not on this host', '볼륨 {volume}이(가) 이 호스트에 없습니다'),
  'image/no-host': s(
    'No connected host reaches its datastore',
    '연결된 호스트 중 이 데이터스토어를 쓸 수 있는 것이 없습니다',
  ),
  'datastore/unusable': s('It cannot be used: {why}', '사용할 수 없습니다: {why}'),
  'datastore/no-folder': s(
    'It names no folder of the host; only local has one of its own',
    '호스트의 폴더가 지정되지 않았습니다. local만 자기 폴더를 가지고 있습니다',
  ),
  'datastore/not-allowed': s(
    'This host allows no datastore in {folder}. Start Decant there with --datastore-folder {folder} or a folder above it',
    '이 호스트는 {folder}에 데이터스토어를 허용하지 않습니다. 그 호스트에서 --datastore-folder에 {folder} 또는 상위 폴더를 주고 Decant를 시작하십시오',
  ),
  'datastore/folder-absent': s(
    'There is no folder {folder} on this host',
    '이 호스트에 폴더 {folder}이(가) 없습니다',
  ),
  'datastore/symbolic-link': s(
    '{path} is a symbolic link: name the folder where it really is',
    '{path}은(는) 심볼릭 링크입니다. 실제 폴더의 경로를 쓰십시오',
  ),
  'datastore/not-safe': s(
    'Other users of this host can change {path}: give it to root and take write permission from others',
    '이 호스트의 다른 사용자가 {path}을(를) 바꿀 수 있습니다. 소유자를 root로 바꾸고 다른 사용자의 쓰기 권한을 없애십시오',
  ),
  'datastore/foreign': s(
    '{folder} belongs to another datastore (id {mark}). Nothing in it is touched. If that one is gone for good, remove {folder}/datastore.json',
    '{folder}은(는) 다른 데이터스토어(ID {mark})의 것이라 건드리지 않습니다. 그 데이터스토어가 완전히 없어졌다면 {folder}/datastore.json을 지우십시오',
  ),
  'datastore/mark-missing': s(
    'Its mark {file} is not there: is its file system mounted? Nothing is written until it is back',
    '표시 파일 {file}이(가) 없습니다. 파일 시스템이 마운트되어 있는지 확인하십시오. 돌아올 때까지 아무것도 쓰지 않습니다',
  ),
  'datastore/needs-root': s(
    'This driver needs an agent that runs as root',
    '이 드라이버를 쓰려면 에이전트가 root로 실행되어야 합니다',
  ),
  'datastore/source-form': s(
    'Its source must have the form {form}',
    '원본(source)은 {form} 형식이어야 합니다',
  ),
  'datastore/mount-failed': s(
    '{source} cannot be mounted: {why}',
    '{source}을(를) 마운트할 수 없습니다: {why}',
  ),
  'datastore/not-answering': s(
    'It has not answered for {seconds} s. Guests on it wait and go on by themselves',
    '{seconds}초 동안 응답이 없습니다. 그 위의 게스트는 기다렸다가 스스로 계속합니다',
  ),
  'datastore/squashed': s(
    'The server takes the rights of root away. Export {source} to this host with rw,no_root_squash: each guest has a user of its own, and only root may give it its files',
    '서버가 root의 권한을 없앱니다. 게스트마다 자기 사용자가 있고 파일을 넘겨주는 일은 root만 할 수 있으므로 {source}을(를) 이 호스트에 rw,no_root_squash로 내보내십시오',
  ),
  'datastore/no-tool': s(
    'Program {tool} is not installed on this host: apt-get install {package}',
    '이 호스트에 프로그램 {tool}이(가) 없습니다: apt-get install {package}',
  ),
  'datastore/no-pool': s(
    'There is no thin pool {source} on this host: {why}',
    '이 호스트에 씬 풀 {source}이(가) 없습니다: {why}',
  ),
  'datastore/no-zeroing': s(
    'Thin pool {source} does not zero new blocks, so that guests could read old data: lvchange --zero y {source}',
    '씬 풀 {source}이(가) 새 블록을 0으로 지우지 않아 게스트가 옛 데이터를 읽을 수 있습니다: lvchange --zero y {source}',
  ),
  'datastore/metadata-filling': s(
    'The metadata of its thin pool is {percent} % full: lvextend --poolmetadatasize',
    '씬 풀의 메타데이터가 {percent}% 찼습니다: lvextend --poolmetadatasize',
  ),
  'object/host-silent': s(
    'Host {host} does not answer; its part waits',
    '호스트 {host}이(가) 응답하지 않아 그쪽 작업을 기다립니다',
  ),
  'object/failed': s('The last attempt failed ({code}): {why}', '마지막 시도가 실패했습니다({code}): {why}'),
  'object/owned': s('It belongs to {owner} and goes with it', '{owner}에 딸린 것이며 함께 사라집니다'),
  'project/not-empty': s(
    'The project still has {count} objects',
    '프로젝트에 객체가 {count}개 남아 있습니다',
  ),
  // Placement
  'placement/host-not-ready': s('the host is not connected', '호스트가 연결되어 있지 않습니다'),
  'placement/maintenance': s('the host takes no new machines', '호스트가 새 머신을 받지 않습니다'),
  'placement/memory': s(
    '{freeMib} MiB of memory free, {neededMib} needed',
    '메모리 여유 {freeMib} MiB, 필요 {neededMib} MiB',
  ),
  'placement/cpus': s('{free} virtual CPUs free, {needed} needed', '가상 CPU 여유 {free}, 필요 {needed}'),
  'placement/datastore': s(
    'the host does not reach datastore {datastore}',
    '호스트에서 데이터스토어 {datastore}을(를) 쓸 수 없습니다',
  ),
  'placement/arch': s(
    'the image is for {image}, the host is {host}',
    '이미지는 {image}용, 호스트는 {host}입니다',
  ),
  'placement/labels': s('the host lacks label {label}', '호스트에 레이블 {label}이(가) 없습니다'),
  // Host
  'host/silent': s('No heartbeat since {since}', '{since}부터 하트비트가 없습니다'),
  'host/tcg': s(
    'This host has no usable KVM: guests are emulated, slowly, and QEMU promises no isolation between them',
    '이 호스트는 KVM을 쓸 수 없어 느린 에뮬레이션으로 실행하며, QEMU는 게스트 간 격리를 보장하지 않습니다',
  ),
  'host/no-sandbox': s('Guests run without {missing}', '게스트가 {missing} 없이 실행됩니다'),
  'host/unclaimed': s(
    'Guests run here that no stored machine wishes: {count}; `decant host adopt {host}` makes them machines again',
    '저장된 머신에 속하지 않은 게스트가 실행 중입니다({count}개). `decant host adopt {host}` 명령으로 다시 머신으로 만들 수 있습니다',
  ),
  ...bounds,
} as const satisfies Record<string, Sentence>

export type ReasonCode = keyof typeof reasons
export const reasonCodes = Object.keys(reasons) as [ReasonCode, ...ReasonCode[]]
