# What only system calls can do: show a file in the mount namespace of a running guest, take it away again, and
# open a shared folder without following a link. Perl is on every Debian (perl-base is essential); Node has none
# of these calls. Sources: open_tree(2), move_mount(2), mount_setattr(2), openat2(2), setns(2), cmsg(3).
#
#   mounts.pl show PID SOURCE TARGET ro|rw     mounts.pl hide PID TARGET
#   mounts.pl share ROOT BELOW TARGET ro|rw PROGRAM ARGUMENT...
use strict;
use warnings;
use POSIX ();
use Socket;

my $isArm = (POSIX::uname())[4] eq 'aarch64';
my ($SETNS, $UNSHARE, $MOUNT, $UMOUNT, $SENDMSG, $RECVMSG) =
  $isArm ? (268, 97, 40, 39, 211, 212) : (308, 272, 165, 166, 46, 47);
my ($OPEN_TREE, $MOVE_MOUNT, $OPENAT2, $MOUNT_SETATTR) = (428, 429, 437, 442);
my ($CLONE, $CLOEXEC, $EMPTY_PATH, $HERE) = (1, 0x80000, 0x1000, -100);
my ($NEW_MOUNTS, $NEW_USER) = (0x20000, 0x10000000);
my $empty = '';

sub call {
  my ($what, @words) = @_;
  my $answer = syscall($words[0], @words[1 .. $#words]);
  die "$what: $!\n" if $answer < 0;
  return $answer;
}

# A tree of its own of what a path or descriptor names; read-only if so wished.
sub tree {
  my ($descriptor, $path, $way) = @_;
  my $found = call('open_tree', $OPEN_TREE, $descriptor, $path, $CLONE | $CLOEXEC | ($path eq '' ? $EMPTY_PATH : 0));
  my $readOnly = pack('Q4', 1, 0, 0, 0);
  call('mount_setattr', $MOUNT_SETATTR, $found, $empty, $EMPTY_PATH, $readOnly, 32) if $way eq 'ro';
  return $found;
}

sub message {
  my ($control) = @_;
  our $byte = 'x';
  our $part = pack('P Q', $byte, 1);
  return pack('Q L x4 P Q P Q l x4', 0, 0, $part, 1, $control, 24, 0);
}

# Without rights in this namespace, a child gets them in one of its own, and hands the tree over.
sub treeOfChild {
  my ($source, $way) = @_;
  socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!\n";
  my $child = fork // die "fork: $!\n";
  if ($child == 0) {
    close $ours;
    call('unshare', $UNSHARE, $NEW_USER | $NEW_MOUNTS);
    my $control = pack('Q l l l x4', 20, 1, 1, tree($HERE, $source, $way));
    my $message = message($control);
    call('sendmsg', $SENDMSG, fileno $theirs, $message, 0);
    exit 0;
  }
  close $theirs;
  my $control = "\0" x 24;
  my $message = message($control);
  my $count = call('recvmsg', $RECVMSG, fileno $ours, $message, 0);
  waitpid $child, 0;
  die "the file cannot be mounted\n" if $count != 1 || $? != 0;
  return unpack('x16 l', $control);
}

# Goes into the mount namespace of a process, first into the users' namespace that it belongs to if need be.
sub enter {
  my ($pid) = @_;
  open my $mounts, '<', "/proc/$pid/ns/mnt" or die "namespace: $!\n";
  if ($> != 0) {
    my $owner = ioctl($mounts, 0xb701, 0) or die "owner of the namespace: $!\n";
    call('setns', $SETNS, 0 + $owner, $NEW_USER);
  }
  call('setns', $SETNS, fileno $mounts, $NEW_MOUNTS);
  chdir '/' or die "chdir: $!\n";
}

sub same {
  my ($one, $other) = @_;
  return @$one && @$other && $one->[0] == $other->[0] && $one->[1] == $other->[1];
}

sub show {
  my ($pid, $source, $target, $way) = @_;
  my @file = stat $source or die "$!\n";
  my $tree = $> == 0 ? tree($HERE, $source, $way) : treeOfChild($source, $way);
  enter($pid);
  return if same([stat $target], \@file);
  my $folder = '';
  my @names = grep { $_ ne '' } split m{/}, $target;
  my $last = pop @names;
  for my $name (@names) {
    $folder .= "/$name";
    mkdir $folder, 0755;
  }
  if (!-e $target) {
    open my $made, '>', $target or die "the place for it: $!\n";
    close $made;
  }
  call('move_mount', $MOVE_MOUNT, $tree, $empty, $HERE, $target, 4);
}

sub hide {
  my ($pid, $target) = @_;
  enter($pid);
  return if !-e $target;
  # Detached: who has it open keeps it until it is closed.
  syscall($UMOUNT, $target, 2);
  unlink $target;
}

# The folder is opened from a root that people allowed, through no link at all; sub-mounts stay out.
sub share {
  my ($root, $below, $target, $way, @program) = @_;
  opendir(my $allowed, $root) or die "$root: $!\n";
  my $how = pack('Q3', 0x200000 | 0x10000 | $CLOEXEC, 0, 0x08 | 0x04 | 0x02);
  my $folder = call('the folder', $OPENAT2, fileno $allowed, $below, $how, 24);
  my $tree = tree($folder, $empty, $way);
  call('unshare', $UNSHARE, $NEW_MOUNTS);
  my $everything = '/';
  call('mount', $MOUNT, $empty, $everything, $empty, 0x44000, 0);
  call('move_mount', $MOVE_MOUNT, $tree, $empty, $HERE, $target, 4);
  exec { $program[0] } @program or die "$program[0]: $!\n";
}

my ($what, @words) = @ARGV;
my %doing = (show => \&show, hide => \&hide, share => \&share);
($doing{$what // ''} // die "what?\n")->(@words);
