package io.runnel.kubernetes;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.EnvFromSource;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecurityContext;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.openshift.api.model.monitoring.v1.ServiceMonitor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What holds for the objects of one installation together: pods are restricted, and names lead to what is there. */
final class PodRules {

    private final List<HasMetadata> objects;
    private final Set<String> given;
    private final List<String> findings = new ArrayList<>();

    /** @param given objects that somebody else creates, as in {@code Secret runnel} */
    private PodRules(List<HasMetadata> objects, Set<String> given) {
        this.objects = objects;
        this.given = given;
    }

    static List<String> findings(List<HasMetadata> objects, Set<String> given) {
        PodRules rules = new PodRules(objects, given);
        rules.of(Deployment.class).forEach(deployment -> {
            rules.restricted(deployment.getSpec().getTemplate().getSpec());
            rules.references(deployment.getSpec().getTemplate().getSpec());
            rules.selected(
                    "Deployment " + deployment.getMetadata().getName(),
                    deployment.getSpec().getSelector().getMatchLabels(),
                    List.of(deployment.getSpec().getTemplate()));
        });
        rules.selectors();
        return rules.findings;
    }

    /** The restricted Pod Security Standard, and a file system that cannot be written besides. */
    private void restricted(PodSpec pod) {
        PodSecurityContext context = pod.getSecurityContext();
        require(context != null && Boolean.TRUE.equals(context.getRunAsNonRoot()), "runAsNonRoot");
        require(
                context != null
                        && context.getSeccompProfile() != null
                        && "RuntimeDefault".equals(context.getSeccompProfile().getType()),
                "seccompProfile");
        require(Boolean.FALSE.equals(pod.getAutomountServiceAccountToken()), "automountServiceAccountToken: false");
        for (Container container : pod.getContainers()) {
            SecurityContext own = container.getSecurityContext();
            require(own != null && Boolean.FALSE.equals(own.getAllowPrivilegeEscalation()), "no privilege escalation");
            require(own != null && Boolean.TRUE.equals(own.getReadOnlyRootFilesystem()), "readOnlyRootFilesystem");
            require(
                    own != null
                            && own.getCapabilities() != null
                            && own.getCapabilities().getDrop().contains("ALL")
                            && own.getCapabilities().getAdd().isEmpty(),
                    "capabilities dropped");
            require(
                    container.getResources() != null
                            && container.getResources().getRequests() != null
                            && container.getResources().getRequests().keySet().containsAll(Set.of("cpu", "memory")),
                    "requests of cpu and memory");
            require(!container.getImage().endsWith(":latest"), "an image of a version");
        }
    }

    private void references(PodSpec pod) {
        String account = pod.getServiceAccountName();
        require(account == null || names(ServiceAccount.class).anyMatch(account::equals), "service account " + account);
        Set<String> volumes = pod.getVolumes().stream().map(Volume::getName).collect(Collectors.toSet());
        for (Container container : pod.getContainers()) {
            container
                    .getVolumeMounts()
                    .forEach(mount -> require(volumes.contains(mount.getName()), "volume " + mount.getName()));
            Set<String> ports =
                    container.getPorts().stream().map(ContainerPort::getName).collect(Collectors.toSet());
            Stream.of(container.getStartupProbe(), container.getLivenessProbe(), container.getReadinessProbe())
                    .forEach(probe -> probe(probe, ports));
            container.getEnvFrom().forEach(this::environment);
            container.getEnv().forEach(this::environment);
        }
        pod.getVolumes().forEach(volume -> {
            if (volume.getConfigMap() != null
                    && !Boolean.TRUE.equals(volume.getConfigMap().getOptional())) {
                require(exists(ConfigMap.class, volume.getConfigMap().getName()), "ConfigMap of " + volume.getName());
            }
        });
    }

    private void probe(@Nullable Probe probe, Set<String> ports) {
        if (probe != null && probe.getHttpGet() != null) {
            IntOrString port = probe.getHttpGet().getPort();
            require(ports.contains(port.getStrVal()), "port " + port.getStrVal() + " of a probe");
        }
    }

    private void environment(EnvFromSource source) {
        if (source.getConfigMapRef() != null) {
            String name = source.getConfigMapRef().getName();
            require(exists(ConfigMap.class, name), "ConfigMap " + name);
        }
        if (source.getSecretRef() != null) {
            String name = source.getSecretRef().getName();
            require(exists(Secret.class, name), "Secret " + name);
        }
    }

    private void environment(EnvVar variable) {
        if (variable.getValueFrom() != null && variable.getValueFrom().getSecretKeyRef() != null) {
            String name = variable.getValueFrom().getSecretKeyRef().getName();
            require(exists(Secret.class, name), "Secret " + name);
        }
    }

    private void selectors() {
        List<PodTemplateSpec> pods = of(Deployment.class)
                .map(deployment -> deployment.getSpec().getTemplate())
                .toList();
        of(Service.class).forEach(service -> {
            String name = "Service " + service.getMetadata().getName();
            Set<String> ports = selected(name, service.getSpec().getSelector(), pods);
            for (ServicePort port : service.getSpec().getPorts()) {
                require(ports.contains(port.getTargetPort().getStrVal()), "port of " + name);
            }
        });
        of(PodDisruptionBudget.class)
                .forEach(budget -> selected(
                        "PodDisruptionBudget", budget.getSpec().getSelector().getMatchLabels(), pods));
        of(NetworkPolicy.class)
                .forEach(policy -> selected(
                        "NetworkPolicy", policy.getSpec().getPodSelector().getMatchLabels(), pods));
        of(ServiceMonitor.class).forEach(monitor -> {
            Map<String, String> labels = monitor.getSpec().getSelector().getMatchLabels();
            require(
                    of(Service.class)
                            .anyMatch(service -> has(service.getMetadata().getLabels(), labels)
                                    && service.getSpec().getPorts().stream()
                                            .map(ServicePort::getName)
                                            .anyMatch(monitor.getSpec()
                                                    .getEndpoints()
                                                    .get(0)
                                                    .getPort()::equals)),
                    "service that the ServiceMonitor selects");
        });
    }

    /** @return the ports of what is selected */
    private Set<String> selected(String who, Map<String, String> labels, List<PodTemplateSpec> pods) {
        List<PodTemplateSpec> found = pods.stream()
                .filter(pod -> !labels.isEmpty()
                        && pod.getMetadata() != null
                        && has(pod.getMetadata().getLabels(), labels))
                .toList();
        require(!found.isEmpty(), "pod that " + who + " selects");
        return found.stream()
                .flatMap(pod -> pod.getSpec().getContainers().stream())
                .flatMap(container -> container.getPorts().stream())
                .map(ContainerPort::getName)
                .collect(Collectors.toSet());
    }

    private static boolean has(@Nullable Map<String, String> labels, Map<String, String> wanted) {
        return labels != null && labels.entrySet().containsAll(wanted.entrySet());
    }

    private boolean exists(Class<? extends HasMetadata> type, String name) {
        return given.contains(type.getSimpleName() + " " + name) || names(type).anyMatch(name::equals);
    }

    private Stream<String> names(Class<? extends HasMetadata> type) {
        return of(type).map(object -> object.getMetadata().getName());
    }

    private <T extends HasMetadata> Stream<T> of(Class<T> type) {
        return objects.stream().filter(type::isInstance).map(type::cast);
    }

    private void require(boolean there, String what) {
        if (!there) {
            findings.add("lacks " + what);
        }
    }
}
