"""A CDK app with next to nothing in it: what a synth costs before there is a pattern."""

from aws_cdk import App, CfnWaitConditionHandle, Stack

app = App()
CfnWaitConditionHandle(Stack(app, "Empty"), "Nothing")  # a template without a resource is refused
app.synth()
