# What Perl programs do with S3 by Net::Amazon::S3: net_amazon_s3.pl CASE BUCKET.
#
# Status 0 if the server did it, another with the reason if not. The environment says where
# (S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION).
use v5.36;
use utf8;

use Digest::SHA qw(sha256_hex);
use LWP::UserAgent;
use Net::Amazon::S3::Client;
use Net::Amazon::S3::Vendor::Generic;

use constant MIB => 1024 * 1024;

my @KEYS = ('plain', 'a b+é/日本', 'a//b', 'dir/', q{~!*'()}, '&<>"', 'a%2Fb');
my %CASES = (
    objects   => \&objects,
    files     => \&files,
    listing   => \&listing,
    presigned => \&presigned,
    refusals  => \&refusals,
);

my ($case, $name) = @ARGV;
if (!eval { $CASES{$case}->(client($ENV{AWS_SECRET_ACCESS_KEY})->bucket(name => $name)); 1 }) {
    # The first line only: the others repeat the bytes that were sent.
    say {*STDERR} substr $@, 0, 1000;
    exit 1;
}

# Nothing is tried twice: a refusal that a second try would hide is seen.
sub client ($secret) {
    my $vendor = Net::Amazon::S3::Vendor::Generic->new(
        host                 => $ENV{S3_ENDPOINT} =~ s{^https?://}{}r,
        use_https            => $ENV{S3_ENDPOINT} =~ m{^https} ? 1 : 0,
        use_virtual_host     => 0,
        authorization_method => 'Net::Amazon::S3::Signature::V4',
        default_region       => $ENV{AWS_REGION},
    );
    return Net::Amazon::S3::Client->new(
        aws_access_key_id     => $ENV{AWS_ACCESS_KEY_ID},
        aws_secret_access_key => $secret,
        vendor                => $vendor,
        retry                 => 0,
    );
}

# Bytes that do not repeat.
sub content ($size) {
    srand $size;
    return pack 'N*', map { rand 2**32 } 1 .. $size / 4;
}

sub same ($expected, $found) {
    my ($short, $long) = map { length > 200 ? sha256_hex($_) : $_ } $expected, $found // 'nothing';
    die "expected $short, found $long" if $short ne $long;
}

# The words of what an attempt ends with.
sub refused ($code, $attempt) {
    die "expected $code, but it was done" if eval { $attempt->(); 1 };
    die "expected $code, found $@" if $@ !~ /$code/;
}

sub objects ($bucket) {
    for my $key (@KEYS) {
        my $data = content(1000);
        $bucket->object(
            key           => $key,
            content_type  => 'text/x-perl',
            user_metadata => { colour => 'green' },
            storage_class => 'standard_ia',
        )->put($data);
        my $object = $bucket->object(key => $key);
        same($data, $object->get);
        same('green', $object->user_metadata->{colour});
        same(substr($data, 10, 91), $object->range('bytes=10-100')->get);
        $object->add_tags(tags => { a => '1 2' });
        $object->delete_tags;
        same(1, $object->exists ? 1 : 0);
        $object->delete;
        same(0, $object->exists ? 1 : 0);
    }
}

sub files ($bucket) {
    my $data = content(9 * MIB);
    open my $out, '>:raw', 'up' or die $!;
    print {$out} $data;
    close $out or die $!;
    $bucket->object(key => 'é file', content_type => 'text/x-perl')->put_filename('up');
    $bucket->object(key => 'é file')->get_filename('down');
    open my $in, '<:raw', 'down' or die $!;
    local $/ = undef;
    same($data, <$in>);
}

# The keys of a listing, pages after one another.
sub keys_of ($bucket, %asked) {
    my @keys;
    my $stream = $bucket->list(\%asked);
    until ($stream->is_done) {
        push @keys, map { $_->key } $stream->items;
    }
    return join ' ', @keys;
}

sub listing ($bucket) {
    my @keys = sort { $a cmp $b } map { sprintf 'many/%04d é &', $_ } 1 .. 1100;
    $bucket->object(key => $_)->put('x') for @keys;
    $bucket->object(key => 'other')->put('x');
    same(join(' ', @keys), keys_of($bucket, prefix => 'many/'));
    same('other', keys_of($bucket, delimiter => '/'));
    $bucket->delete_multi_object(@keys[0 .. 999]);
    $bucket->delete_multi_object(@keys[1000 .. 1099]);
    same('other', keys_of($bucket));
}

# The links are followed without the library.
sub presigned ($bucket) {
    my $agent = LWP::UserAgent->new;
    my $data  = content(5000);
    for my $key (@KEYS) {
        my $object = $bucket->object(key => $key, expires => time + 60);
        my $there  = $object->query_string_authentication_uri_for_method('PUT');
        same(200, $agent->put($there, Content => $data)->code);
        same($data, $bucket->object(key => $key)->get);
        my $back = $object->query_string_authentication_uri({ 'response-content-type' => 'text/other' });
        my $read = $agent->get($back);
        same($data, $read->content);
        same('text/other', $read->content_type);
    }
}

sub refusals ($bucket) {
    refused('NoSuchKey', sub { $bucket->object(key => 'absent')->get });
    refused('NoSuchBucket', sub { keys_of(client($ENV{AWS_SECRET_ACCESS_KEY})->bucket(name => "$name-absent")) });
    refused('SignatureDoesNotMatch', sub { keys_of(client('wrong')->bucket(name => $name)) });
}
