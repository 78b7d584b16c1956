{{/* Values that each are possible and together are not. */}}
{{- define "takings.guards" -}}
{{- $lifecycle := .Values.api.lifecycle }}
{{- $needed := add $lifecycle.preStopSleepSeconds $lifecycle.shutdownTimeoutSeconds }}
{{- if ge (int64 $needed) (int64 $lifecycle.terminationGracePeriodSeconds) }}
{{- fail (printf "api.lifecycle.terminationGracePeriodSeconds is %v: it must be more than preStopSleepSeconds and shutdownTimeoutSeconds together (%v), else requests are cut off" $lifecycle.terminationGracePeriodSeconds $needed) }}
{{- end }}
{{- if not (hasKey .Values.api.blueGreen.slots .Values.api.blueGreen.active) }}
{{- fail (printf "api.blueGreen.active is %s, a slot that api.blueGreen.slots does not have" .Values.api.blueGreen.active) }}
{{- end }}
{{- end }}
