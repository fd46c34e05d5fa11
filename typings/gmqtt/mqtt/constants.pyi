MQTTv50: int
MQTTv311: int
