"""moto's S3, which asks for signed requests of a user who may do all with S3: s3.py BUCKET...

It prints its port first, then a line of JSON with that user's keys and, under "role", the temporary ones of a role that the user has taken. A
request for /-/put/BUCKET/KEY or /-/delete/BUCKET/KEY needs no signature, and changes an object under moto's feet; /-/fill/BUCKET/COUNT/PREFIX
makes so many.
"""
import json
import os
import sys
import urllib.parse

os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="us-east-1")
os.environ.pop("AWS_PROFILE", None)

import logging  # noqa: E402
import threading  # noqa: E402

import boto3  # noqa: E402
from moto import settings  # noqa: E402
from moto.core.responses import ActionAuthenticatorMixin  # noqa: E402
from moto.iam.access_control import IAMRequestBase  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from moto.s3.models import s3_backends  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

original = IAMRequestBase._create_aws_request


def as_sent(self):
    """moto decodes the address before it checks the signature, which then fits no key with a sign in it: it gets the address as it was sent."""
    request = original(self)
    request.url = self._headers["X-As-Sent"]
    return request


IAMRequestBase._create_aws_request = as_sent
logging.getLogger("werkzeug").setLevel(logging.ERROR)
moto = DomainDispatcherApplication(create_backend_app)


def change(words, body):
    store = s3_backends["123456789012"]["aws"]
    verb, bucket, rest = words.split("/", 2)
    if verb == "put":
        store.put_object(bucket, rest, body)
    elif verb == "delete":
        store.delete_object(bucket, rest)
    elif verb == "fill":
        count, prefix = rest.split("/", 1)
        for number in range(int(count)):
            store.put_object(bucket, "%s%05d.csv" % (prefix, number), b"n\n%d\n" % number)


def application(environ, start):
    environ["HTTP_X_AS_SENT"] = environ["RAW_URI"]
    path = environ["RAW_URI"].split("?")[0]
    if not path.startswith("/-/"):
        return moto(environ, start)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    change(urllib.parse.unquote(path[3:]), body)
    start("200 OK", [("Content-Length", "0")])
    return [b""]


server = make_server("127.0.0.1", 0, application, threaded=True)
print(json.dumps({"port": server.port}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
every = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


def client(name):
    return boto3.client(name, endpoint_url="http://127.0.0.1:%d" % server.port)


for bucket in sys.argv[1:]:
    client("s3").create_bucket(Bucket=bucket)
iam = client("iam")
iam.create_user(UserName="reader")
iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=every)
key = iam.create_access_key(UserName="reader")["AccessKey"]
role = iam.create_role(RoleName="role", AssumeRolePolicyDocument=every)["Role"]
iam.put_role_policy(RoleName="role", PolicyName="all", PolicyDocument=every)
taken = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
ActionAuthenticatorMixin.request_count = 0
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
print(json.dumps({
    "access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"],
    "role": {"access_key": taken["AccessKeyId"], "secret_key": taken["SecretAccessKey"], "session_token": taken["SessionToken"]},
}), flush=True)
threading.Event().wait()
